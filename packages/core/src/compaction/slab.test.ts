import { expect, test } from "vitest";
import { Random, seedOf } from "../../../../testkit/src/random.js";
import { SLAB_BYTES, Slabs, SMALL_BYTES } from "./slab.js";

const seed = seedOf(Date.now() >>> 0);

test("what is small lies together, what is not has memory of its own, and little takes no more than it needs", () => {
  const slabs = new Slabs(10 * SLAB_BYTES);
  const [a, b, large] = [slabs.take(1000), slabs.take(SMALL_BYTES - 1), slabs.take(SLAB_BYTES)];
  expect([a.length, b.length, large.length]).toEqual([1000, SMALL_BYTES - 1, SLAB_BYTES]);
  expect(b.buffer).toBe(a.buffer);
  expect(large.buffer).not.toBe(a.buffer);
  expect(new Slabs(5000).take(1000).buffer.byteLength).toBe(5000);
});

test("what is put back is taken again", () => {
  const slabs = new Slabs(SLAB_BYTES);
  const kept = slabs.take(1000);
  const { buffer } = kept;
  for (let i = 0; i < 20; i++) {
    const unused = slabs.take(SMALL_BYTES - 1);
    expect([unused.buffer, unused.byteOffset - kept.byteOffset]).toEqual([buffer, 1000]);
    slabs.putBack(unused);
  }
  // What has memory of its own was not taken from there.
  slabs.putBack(slabs.take(SLAB_BYTES - 500));
  expect(slabs.take(1000).byteOffset - kept.byteOffset).toBe(1000);
});

test("memory goes from a merge that is over to the next one, once", () => {
  const first = new Slabs(SLAB_BYTES);
  const { buffer } = first.take(1000);
  const other = new Slabs(SLAB_BYTES);
  expect(other.take(1000).buffer).not.toBe(buffer);
  first.release();
  first.release();
  const second = new Slabs(SLAB_BYTES);
  expect(second.take(1000).buffer).toBe(buffer);
  expect(new Slabs(SLAB_BYTES).take(1000).buffer).not.toBe(buffer);
  // Whoever goes on after all gets memory that is nobody else's.
  expect(first.take(1000).buffer).not.toBe(buffer);
});

test("what was lent goes on as what came back in its place", () => {
  const first = new Slabs(0);
  const lent = first.lend(SLAB_BYTES - 1000);
  expect(lent.length).toBe(SLAB_BYTES);
  const back = structuredClone(lent, { transfer: [lent.buffer] });
  first.adopt(back);
  first.release();
  expect(new Slabs(0).lend(SLAB_BYTES).buffer).toBe(back.buffer);
  expect(new Slabs(0).lend(SLAB_BYTES).buffer).not.toBe(back.buffer);
  // Little has as much as it needs, and nobody else gets it.
  const little = first.lend(1000);
  expect(little.length).toBe(1000);
  first.adopt(little);
  first.release();
  expect(new Slabs(0).lend(SLAB_BYTES).length).toBe(SLAB_BYTES);
});

test(`merges at the same time have nothing in common (seed ${seed})`, () => {
  const random = new Random(seed);
  const running: { readonly slabs: Slabs; readonly taken: Uint8Array[]; readonly mark: number }[] = [];
  for (let mark = 1; mark < 100; mark++) {
    const merge = { slabs: new Slabs(2 * SLAB_BYTES), taken: [] as Uint8Array[], mark };
    for (let i = 0; i < 30; i++) merge.taken.push(merge.slabs.take(random.int(1, SMALL_BYTES - 1)).fill(mark));
    running.push(merge);
    if (running.length < 4) continue;
    const [over] = running.splice(random.int(0, 3), 1);
    expect(over?.taken.every((bytes) => Buffer.alloc(bytes.length, over.mark).equals(bytes))).toBe(true);
    over?.slabs.release();
  }
});
