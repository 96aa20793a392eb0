import assert from "node:assert/strict";
import type { LTXFileInfo } from "@ls/core/backend-kit";
import type { ConformanceCase } from "../case.js";
import { HEADER_TIME, range, ref } from "../ltx-file.js";
import { listed, listedNames, names, write, writeAll } from "../observe.js";
import { MANY } from "./many.js";

const LEVELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

export const LIST_CASES: readonly ConformanceCase[] = [
  {
    id: "list.empty",
    title: "every level of a new place is empty",
    duty: "A level or destination that does not exist yet is empty.",
    run: async (context) => {
      const client = context.client();
      for (const level of LEVELS) assert.deepEqual(await listed(client, level), [], `level ${level}`);
    },
  },
  {
    id: "list.order",
    title: "files written in any order come sorted by both TXIDs",
    duty: "Ordered by (minTXID, maxTXID).",
    run: async (context) => {
      const client = context.client();
      for (const one of [range(4n, 8n), range(0x10n, 0x10n), range(1n, 1n), range(9n, 9n), range(0xffn, 0x100n), range(1n, 5n), range(2n, 3n)])
        await write(client, one);
      assert.equal(await listedNames(client), "1-1 1-5 2-3 4-8 9-9 10-10 ff-100");
    },
  },
  {
    id: "list.largeTXIDs",
    title: "TXIDs up to 2^64-1, beyond what a number holds",
    duty: "A TXID is an unsigned 64-bit integer.",
    run: async (context) => {
      const client = context.client();
      for (const txid of [0xffff_ffff_ffff_ffffn, 0x7fff_ffff_ffff_ffffn, 0x20_0000_0000_0001n, 0x20_0000_0000_0000n]) await write(client, ref(txid));
      const found = (await listed(client)).map((file) => file.minTXID);
      assert.deepEqual(found, [0x20_0000_0000_0000n, 0x20_0000_0000_0001n, 0x7fff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn]);
    },
  },
  {
    id: "list.levels",
    title: "a level holds its own files only",
    duty: "Lists the files of one level.",
    run: async (context) => {
      const client = context.client();
      for (const level of LEVELS) await write(client, range(1n, BigInt(level + 1), level));
      for (const level of LEVELS) assert.equal(await listedNames(client, level), `1-${(level + 1).toString(16)}`, `level ${level}`);
    },
  },
  {
    id: "list.info",
    title: "level, TXIDs, size and time, each in its type",
    duty: "LTXFileInfo: stored size in bytes; createdAt in whole milliseconds.",
    run: async (context) => {
      const client = context.client();
      await write(client, range(3n, 7n, 2), { size: 4321 });
      const [file] = await listed(client, 2);
      assert.ok(file !== undefined, "the file is listed");
      const { level, minTXID, maxTXID, size, createdAt } = file;
      assert.deepEqual({ level, minTXID, maxTXID, size }, { level: 2, minTXID: 3n, maxTXID: 7n, size: 4321 });
      assert.ok(createdAt instanceof Date && Number.isInteger(createdAt.getTime()), "createdAt is a valid Date");
    },
  },
  {
    id: "list.seek",
    title: "seek leaves out files whose first TXID is lower",
    duty: "Skip files whose minTXID is lower; default 0n: all.",
    run: async (context) => {
      const client = context.client();
      for (const one of [ref(1n), range(2n, 9n), ref(5n), range(5n, 6n), ref(0x10n)]) await write(client, one);
      for (const [seek, expected] of [
        [0n, "1-1 2-9 5-5 5-6 10-10"],
        [1n, "1-1 2-9 5-5 5-6 10-10"],
        [2n, "2-9 5-5 5-6 10-10"],
        [3n, "5-5 5-6 10-10"],
        [5n, "5-5 5-6 10-10"],
        [6n, "10-10"],
        [0x10n, "10-10"],
        [0x11n, ""],
        [0xffff_ffff_ffff_ffffn, ""],
      ] as const) {
        assert.equal(await listedNames(client, 0, { seek }), expected, `seek ${seek}`);
      }
    },
  },
  {
    id: "list.many",
    title: "more than a page of a thousand, and seek in the middle",
    duty: "Lists all files of the level, each once; object stores answer in pages of 1,000 keys.",
    run: async (context) => {
      const client = context.client();
      await writeAll(client, MANY);
      assert.equal(await listedNames(client), names(MANY));
      assert.equal(await listedNames(client, 0, { seek: 1001n }), names(MANY.slice(1000)));
    },
  },
  {
    id: "list.lazy",
    title: "nothing happens before the first item is asked for",
    duty: "Nothing is acquired before the first next() of a returned iterable.",
    run: async (context) => {
      const client = context.client();
      const listing = client.ltxFiles(0);
      await write(context.client(), ref(1n));
      const files: LTXFileInfo[] = [];
      for await (const file of listing) files.push(file);
      assert.equal(names(files), "1-1", "a file written before the first next()");
    },
  },
  {
    id: "list.leftEarly",
    title: "a listing may be left after the first item",
    duty: "Leaving the loop early releases what was acquired.",
    run: async (context) => {
      const client = context.client();
      for (const txid of [1n, 2n, 3n]) await write(client, ref(txid));
      for (let round = 0; round < 5; round++) {
        for await (const file of client.ltxFiles(0)) {
          assert.equal(file.minTXID, 1n);
          break;
        }
      }
      assert.equal(await listedNames(client), "1-1 2-2 3-3", "the listing after that");
    },
  },
  {
    id: "list.interleaved",
    title: "two listings at a time do not disturb one another",
    duty: "Call any method at any time and concurrently.",
    run: async (context) => {
      const client = context.client();
      for (const txid of [1n, 2n, 3n]) await write(client, ref(txid));
      const [first, second] = [client.ltxFiles(0)[Symbol.asyncIterator](), client.ltxFiles(0, { seek: 2n })[Symbol.asyncIterator]()];
      const seen: (bigint | undefined)[] = [];
      for (const one of [first, second, first, second, first, second, first]) {
        const { done, value } = await one.next();
        seen.push(done === true ? undefined : value.minTXID);
      }
      assert.deepEqual(seen, [1n, 2n, 2n, 3n, 3n, undefined, undefined]);
    },
  },
  {
    id: "list.orderedSeek",
    title: "seek costs no more requests than the files it gives",
    duty: "orderedSeek: seek costs the service no more than the files returned.",
    needs: ["orderedSeek", "requests"],
    run: async (context) => {
      const client = context.client();
      await writeAll(client, MANY);
      await write(client, ref(1n, 1));
      const cost = async (level: number, seek: bigint): Promise<number> => {
        const before = await context.requests();
        assert.equal((await listed(client, level, { seek })).length, 1);
        return (await context.requests()) - before;
      };
      const alone = await cost(1, 1n);
      assert.ok((await cost(0, MANY.at(-1)?.minTXID ?? 0n)) <= alone, "the last of many files costs as many requests as the only one of a level");
    },
  },
  {
    id: "list.foreign",
    title: "names that are no LTX file names are skipped",
    duty: "Names that are not LTX file names are skipped.",
    needs: ["foreign"],
    run: async (context) => {
      const client = context.client();
      await write(client, ref(2n));
      for (const name of FOREIGN_NAMES) await context.putForeign(0, name);
      assert.equal(await listedNames(client), "2-2");
      assert.equal(await listedNames(client, 0, { seek: 2n }), "2-2", "with seek");
    },
  },
  {
    id: "list.hostileNames",
    title: "names made to confuse are skipped too",
    duty: "Everything from outside is untrusted; a foreign name must neither appear nor break the listing.",
    needs: ["foreign"],
    run: async (context) => {
      const client = context.client();
      await write(client, ref(2n));
      for (const name of HOSTILE_NAMES) await context.putForeign(0, name);
      assert.equal(await listedNames(client), "2-2");
      await client.deleteLTXFiles([ref(2n)]);
      assert.equal(await listedNames(client), "");
    },
  },
  {
    id: "list.overwritten",
    title: "a file that was overwritten is there once, with its new size",
    duty: "Lists what is stored.",
    run: async (context) => {
      const client = context.client();
      await write(client, ref(1n), { size: 2000 });
      await write(client, ref(1n), { size: 300, timestampMs: HEADER_TIME + 1 });
      const files = await listed(client);
      assert.deepEqual([names(files), files[0]?.size], ["1-1", 300]);
    },
  },
  {
    id: "list.besideWrites",
    title: "files that are there all the time are listed while others come and go",
    duty: "Call any method concurrently; an error never looks like a shorter listing.",
    run: async (context) => {
      const client = context.client();
      await writeAll(
        client,
        [2n, 4n, 6n, 8n].map((txid) => ref(txid)),
      );
      const changes = async (): Promise<void> => {
        for (let round = 0; round < 8; round++) {
          for (const txid of [1n, 5n, 9n]) await write(client, ref(txid), { size: 200 });
          await client.deleteLTXFiles([ref(1n), ref(5n), ref(9n)]);
        }
      };
      let changing = true;
      const done = changes().finally(() => {
        changing = false;
      });
      try {
        while (changing) {
          const found = (await listed(context.client())).map((file) => file.minTXID);
          assert.deepEqual(
            [2n, 4n, 6n, 8n].filter((txid) => !found.includes(txid)),
            [],
            "files missing from a listing",
          );
          assert.deepEqual(
            [...found].sort((a, b) => (a < b ? -1 : 1)),
            found,
            "order of a listing",
          );
        }
      } finally {
        await done;
      }
    },
  },
];

const FOREIGN_NAMES = [
  "README.txt",
  "0000000000000001-0000000000000001.ltx.tmp",
  "0000000000000001-0000000000000001.ltx.0123456789abcdef.tmp",
  "000000000000000A-000000000000000A.ltx",
  "0000000000000005-0000000000000004.ltx",
  "0000000000000000-0000000000000001.ltx",
  "0000000000000003.ltx",
  "3-3.ltx",
  "00000000000000003-00000000000000003.ltx",
  ".ltx",
];

const HOSTILE_NAMES = [
  "0000000000000003-0000000000000003.ltx ",
  "0000000000000003-0000000000000003.ltx%00",
  "..%2f0000000000000003-0000000000000003.ltx",
  "a&b<c>'d\".ltx",
  "０000000000000003-0000000000000003.ltx",
  "0x00000000000003-0x00000000000003.ltx",
  "-000000000000003--000000000000003.ltx",
  `${"0".repeat(180)}.ltx`,
];
