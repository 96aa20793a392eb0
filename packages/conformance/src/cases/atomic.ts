import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { ltxBytes, ref } from "../ltx-file.js";
import { assertAbsent, assertStored, rejection, write } from "../observe.js";
import { failing, PausedSource } from "../sources.js";

const MIB = 1024 * 1024;
/** Before the header, in it, behind it, and where clients cut: 64 KiB, 512 KiB, 5 MiB, 8 MiB. */
const MOMENTS = [0, 50, 100, 101, 65_536, 524_289, 5 * MIB, 5 * MIB + 1, 8 * MIB + 1];

export const ATOMIC_CASES: readonly ConformanceCase[] = [
  {
    id: "atomic.sourceThrows",
    title: "a source that throws at any moment leaves nothing, and its error comes back",
    duty: "When data throws, nothing becomes visible.",
    run: async (context) => {
      const client = context.client();
      const bytes = ltxBytes(ref(1n), { size: 9 * MIB });
      for (const after of [...MOMENTS, bytes.length]) {
        const cause = new Error("the source failed");
        const reason = await rejection(client.writeLTXFile(ref(1n), failing(bytes, after, cause)), `a write whose source throws after ${after} bytes`);
        assert.ok(causes(reason).includes(cause), `the source's error is the reason or its cause (after ${after} bytes)`);
        await assertAbsent(client, ref(1n), `after ${after} bytes`);
      }
      await assertStored(client, ref(1n), await write(client, ref(1n)), "a write after the failures");
    },
  },
  {
    id: "atomic.failureKeepsOld",
    title: "a write that fails leaves the file that was there",
    duty: "All or nothing: an overwrite that fails changes nothing.",
    run: async (context) => {
      const client = context.client();
      const old = await write(client, ref(1n), { size: 5000 });
      const bytes = ltxBytes(ref(1n), { size: 9 * MIB, seed: 2 });
      for (const after of [0, 200, 6 * MIB, bytes.length]) {
        await rejection(client.writeLTXFile(ref(1n), failing(bytes, after, new Error("the source failed"))), "a write whose source throws");
        await assertStored(client, ref(1n), old, `the old file, after ${after} bytes of a new one`);
      }
    },
  },
  {
    id: "atomic.abort",
    title: "an abort at any moment leaves nothing, even while the source hangs",
    duty: "When the call is aborted, nothing becomes visible; it rejects with signal.reason, untouched.",
    run: async (context) => {
      const client = context.client();
      const bytes = ltxBytes(ref(1n), { size: 9 * MIB });
      for (const after of [...MOMENTS, bytes.length]) {
        const controller = new AbortController();
        const source = new PausedSource(bytes, after);
        const writing = client.writeLTXFile(ref(1n), source.read(), { signal: controller.signal });
        await Promise.race([source.reached, writing]);
        const reason = new Error("stop");
        controller.abort(reason);
        assert.equal(await rejection(writing, `a write aborted after ${after} bytes`), reason, "the reason comes back untouched");
        await assertAbsent(client, ref(1n), `aborted after ${after} bytes`);
        source.resume();
      }
      await assertAbsent(client, ref(1n), "when the sources have gone on");
    },
  },
  {
    id: "atomic.sourceIsReleased",
    title: "the source is ended when its write is aborted",
    duty: "Leaving early releases what was acquired: the source's finally blocks run.",
    run: async (context) => {
      const client = context.client();
      const controller = new AbortController();
      const bytes = ltxBytes(ref(1n), { size: 300_000 });
      let released: () => void = () => {};
      const ended = new Promise<void>((resolve) => {
        released = resolve;
      });
      async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
        try {
          yield bytes.subarray(0, 200);
          controller.abort(new Error("stop"));
          yield bytes.subarray(200);
        } finally {
          released();
        }
      }
      await rejection(client.writeLTXFile(ref(1n), source(), { signal: controller.signal }), "an aborted write");
      await ended;
    },
  },
];

/** An error, its cause, the cause's cause … */
function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let one = error; one !== undefined && !chain.includes(one); one = one instanceof Error ? one.cause : undefined) chain.push(one);
  return chain;
}
