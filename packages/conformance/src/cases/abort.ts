import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import type { CallOptions, ReplicaClient } from "@ls/core/backend-kit";
import type { ConformanceCase } from "../case.js";
import { ltxBytes, ref } from "../ltx-file.js";
import { assertAbsent, assertStored, bytesOf, listed, rejection, write } from "../observe.js";
import { chunked } from "../sources.js";

/** Every call that takes a signal; a file of TXID 1 is there. */
const CALLS: Readonly<Record<string, (client: ReplicaClient, options: CallOptions) => Promise<unknown>>> = {
  init: (client, options) => client.init(options),
  ltxFiles: (client, options) => listed(client, 0, options),
  openLTXFile: (client, options) => bytesOf(client, ref(1n), options),
  writeLTXFile: (client, options) => client.writeLTXFile(ref(2n), chunked(ltxBytes(ref(2n))), options),
  deleteLTXFiles: (client, options) => client.deleteLTXFiles([ref(1n)], options),
  deleteAll: (client, options) => client.deleteAll(options),
};

export const ABORT_CASES: readonly ConformanceCase[] = [
  ...Object.entries(CALLS).map(
    ([name, call]): ConformanceCase => ({
      id: `abort.${name}`,
      title: `${name} does nothing when it is aborted already`,
      duty: "signal cancels the call: it rejects with signal.reason, untouched, whatever that is.",
      run: async (context) => {
        const client = context.client();
        const bytes = await write(client, ref(1n));
        for (const reason of [new Error("stop"), { why: "no error at all" }]) {
          for (const one of [client, context.client()]) {
            assert.equal(
              await rejection(call(one, { signal: AbortSignal.abort(reason) }), `${name} with an aborted signal`),
              reason,
              "the reason comes back untouched",
            );
          }
        }
        await assertStored(client, ref(1n), bytes, "the file that was there");
        await assertAbsent(client, ref(2n), "the file that was to be written");
      },
    }),
  ),
  {
    id: "abort.whileListing",
    title: "a listing ends at the next item",
    duty: "The iteration rejects with signal.reason.",
    run: async (context) => {
      const client = context.client();
      for (const txid of [1n, 2n, 3n]) await write(client, ref(txid));
      const controller = new AbortController();
      const reason = new Error("enough");
      const seen: bigint[] = [];
      const listing = async (): Promise<void> => {
        for await (const file of client.ltxFiles(0, { signal: controller.signal })) {
          seen.push(file.minTXID);
          controller.abort(reason);
        }
      };
      assert.equal(await rejection(listing(), "a listing aborted at its first item"), reason);
      assert.deepEqual(seen, [1n], "items after the abort");
    },
  },
  {
    id: "abort.whileReading",
    title: "a file ends at the next chunk",
    duty: "The iteration rejects with signal.reason.",
    run: async (context) => {
      const client = context.client();
      const bytes = await write(client, ref(1n), { size: 8 * 1024 * 1024 });
      const controller = new AbortController();
      const reason = new Error("enough");
      const lengths: number[] = [];
      const reading = async (): Promise<void> => {
        for await (const chunk of client.openLTXFile(ref(1n), { signal: controller.signal })) {
          lengths.push(chunk.length);
          controller.abort(reason);
        }
        // Chunks of any size: who gives the whole file at once has nothing left to end.
        if (lengths[0] === bytes.length) throw reason;
      };
      assert.equal(await rejection(reading(), "a file aborted at its first chunk"), reason);
      assert.equal(lengths.length, 1, "chunks, the one before the abort counted");
      await assertStored(client, ref(1n), bytes, "the file, read again");
    },
  },
  {
    id: "abort.othersGoOn",
    title: "one caller's abort is not another caller's failure",
    duty: "Call any method concurrently: what calls share, such as init, outlives the call that began it.",
    run: async (context) => {
      const bytes = await write(context.client(), ref(1n));
      for (let round = 0; round < 3; round++) {
        const client = context.client();
        const controller = new AbortController();
        const aborted = client.init({ signal: controller.signal }).catch(() => {});
        const reading = bytesOf(client, ref(1n));
        controller.abort(new Error("stop"));
        await aborted;
        assert.equal((await reading).length, bytes.length);
        await assertStored(client, ref(1n), bytes);
      }
    },
  },
  {
    id: "abort.listenersAreRemoved",
    title: "no listener stays on a signal",
    duty: "A signal may live as long as the process; each call takes its listeners away again.",
    run: async (context) => {
      const client = context.client();
      await write(client, ref(1n));
      const { signal } = new AbortController();
      for (const [name, call] of Object.entries(CALLS)) {
        await call(client, { signal });
        assert.equal(getEventListeners(signal, "abort").length, 0, `listeners after ${name}`);
        await write(client, ref(1n));
      }
      for await (const _ of client.ltxFiles(0, { signal })) break;
      for await (const _ of client.openLTXFile(ref(1n), { signal })) break;
      assert.equal(getEventListeners(signal, "abort").length, 0, "listeners after iterations that were left early");
    },
  },
];
