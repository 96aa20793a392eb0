import assert from "node:assert/strict";
import { isLSError } from "@ls/core/backend-kit";
import type { ConformanceCase } from "../case.js";
import { range, ref } from "../ltx-file.js";
import { assertAbsent, assertStored, listed, listedNames, rejection, shown, write, writeAll } from "../observe.js";
import { MANY } from "./many.js";

export const DELETE_CASES: readonly ConformanceCase[] = [
  {
    id: "delete.named",
    title: "removes the named files and no others",
    duty: "deleteLTXFiles deletes files: those, at their level, with both TXIDs.",
    run: async (context) => {
      const client = context.client();
      for (const one of [ref(1n), range(1n, 2n), ref(2n), ref(0x12n), ref(1n, 1), range(1n, 0x10n)]) await write(client, one);
      await client.deleteLTXFiles([ref(1n), ref(2n)]);
      await assertAbsent(client, ref(1n), "a deleted file");
      assert.equal(await listedNames(client), "1-2 1-10 12-12");
      assert.equal(await listedNames(client, 1), "1-1");
    },
  },
  {
    id: "delete.missing",
    title: "what is gone already counts as deleted",
    duty: "One that is already gone counts as deleted.",
    run: async (context) => {
      const client = context.client();
      await client.deleteLTXFiles([ref(1n)]);
      await write(client, ref(2n));
      await client.deleteLTXFiles([ref(1n), ref(2n), ref(3n)]);
      await client.deleteLTXFiles([ref(2n)]);
      assert.deepEqual(await listed(client), []);
    },
  },
  {
    id: "delete.none",
    title: "an empty list deletes nothing",
    duty: "Deletes the named files.",
    run: async (context) => {
      const client = context.client();
      const bytes = await write(client, ref(1n));
      await client.deleteLTXFiles([]);
      await assertStored(client, ref(1n), bytes);
    },
  },
  {
    id: "delete.many",
    title: "more than a thousand with one call",
    duty: "Any number of files; object stores take 1,000 keys per request.",
    run: async (context) => {
      const client = context.client();
      await writeAll(client, MANY);
      await client.deleteLTXFiles(MANY.slice(0, -1));
      assert.deepEqual(
        (await listed(client)).map((file) => file.minTXID),
        MANY.slice(-1).map((one) => one.minTXID),
      );
    },
  },
  {
    id: "delete.perFileErrors",
    title: "files that cannot be deleted are told one by one, and the others go",
    duty: "Failures are collected in an AggregateError, one per file.",
    needs: ["undeletable"],
    run: async (context) => {
      const client = context.client();
      for (const txid of [1n, 2n, 3n, 4n]) await write(client, ref(txid));
      await context.makeUndeletable(ref(1n));
      await context.makeUndeletable(ref(3n));
      const reason = await rejection(client.deleteLTXFiles([1n, 2n, 3n, 4n].map((txid) => ref(txid))), "deleting files of which two cannot be deleted");
      assert.ok(reason instanceof AggregateError, `the reason is an AggregateError, not: ${shown(reason)}`);
      assert.equal(reason.errors.length, 2, `one error per file that stays: ${shown(reason)}`);
      for (const error of reason.errors) assert.ok(isLSError(error), `each is an LSError, not: ${shown(error)}`);
      await assertAbsent(client, ref(2n), "the file between them");
      await assertAbsent(client, ref(4n), "the file behind them");
    },
  },
  {
    id: "deleteAll.everything",
    title: "leaves no level behind, and the place can be used again",
    duty: "deleteAll deletes everything in the levels of this replica.",
    run: async (context) => {
      const client = context.client();
      for (const level of [0, 1, 8, 9]) await write(client, range(1n, 3n, level));
      await client.deleteAll();
      for (const level of [0, 1, 8, 9]) await assertAbsent(client, range(1n, 3n, level), `level ${level} after deleteAll`);
      await assertStored(client, ref(1n), await write(client, ref(1n)), "a file written after deleteAll");
    },
  },
  {
    id: "deleteAll.nothing",
    title: "a place that never was, and twice",
    duty: "What is gone counts as deleted.",
    run: async (context) => {
      const client = context.client();
      await client.deleteAll();
      await write(client, ref(1n));
      await client.deleteAll();
      await client.deleteAll();
      assert.deepEqual(await listed(client), []);
    },
  },
  {
    id: "deleteAll.many",
    title: "more than a page of a thousand",
    duty: "deleteAll deletes everything; object stores list and delete in pages.",
    run: async (context) => {
      const client = context.client();
      await writeAll(client, MANY);
      await client.deleteAll();
      assert.deepEqual(await listed(client), []);
    },
  },
];
