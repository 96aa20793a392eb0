import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { collectGarbage, IdleHeap } from "./idle-heap.js";

const MB = 1e6;

/** A heap that a collection brings down to what is in use. */
function heap(bytes: number) {
  const state = { bytes, inUse: bytes, busy: 0, collections: 0 };
  const idle = new IdleHeap({
    bytes: () => state.bytes,
    busyShare: () => state.busy,
    collect: async () => {
      state.collections++;
      state.bytes = state.inUse;
    },
  });
  return { state, idle };
}

test("a heap that has grown is collected once, when the thread is calm", async () => {
  const { state, idle } = heap(5 * MB);
  await idle.look();
  Object.assign(state, { bytes: 40 * MB, inUse: 15 * MB, busy: 0.8 });
  await idle.look();
  expect(state.collections).toBe(0);
  state.busy = 0.01;
  await idle.look();
  await idle.look();
  expect([state.collections, state.bytes]).toEqual([1, 15 * MB]);
});

test("what is in use is no growth the next time, and little growth is left alone", async () => {
  const { state, idle } = heap(5 * MB);
  Object.assign(state, { bytes: 30 * MB, inUse: 30 * MB });
  await idle.look();
  state.bytes = 35 * MB;
  await idle.look();
  expect(state.collections).toBe(1);
  state.bytes = 45 * MB;
  await idle.look();
  expect(state.collections).toBe(2);
});

test("a collection takes what nobody holds", async () => {
  const ref = new WeakRef({ nobody: "holds it" });
  // Within a turn a WeakRef that was looked at, or made, stays.
  await turn();
  await collectGarbage();
  expect(ref.deref()).toBeUndefined();
});
