import fc from "fast-check";
import { expect, test } from "vitest";
import { type Part, PartReader } from "./part-reader.js";

/** A source that hands out one buffer over and over, as it may. */
async function* reusing(content: Uint8Array, chunk: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(chunk);
  yield buffer.subarray(0, 0);
  for (let at = 0; at < content.length; at += chunk) {
    const part = buffer.subarray(0, Math.min(chunk, content.length - at));
    part.set(content.subarray(at, at + chunk));
    yield part;
    buffer.fill(0xee);
  }
}

test("parts of one size, whatever the chunks, and the last one known as such", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 1, max: 80 }),
      fc.option(fc.nat(400), { nil: undefined }),
      fc.boolean(),
      async (content, chunk, partBytes, sizeHint, release) => {
        const reader = new PartReader(reusing(content, chunk), { partBytes, sizeHint });
        const parts: number[][] = [];
        let part: Part;
        do {
          part = await reader.next();
          parts.push([...part.bytes]);
          if (release) reader.release(part);
        } while (!part.isLast);
        expect(parts.flat()).toEqual([...content]);
        expect(parts.slice(0, -1).every((one) => one.length === partBytes)).toBe(true);
        expect(parts.length).toBe(Math.max(1, Math.ceil(content.length / partBytes)));
      },
    ),
  );
});

test("memory of released parts is used again", async () => {
  const reader = new PartReader(reusing(new Uint8Array(10_000), 1000), { partBytes: 1000 });
  const buffers = new Set<ArrayBuffer>();
  for (;;) {
    const part = await reader.next();
    buffers.add(part.bytes.buffer);
    if (part.isLast) break;
    reader.release(part);
  }
  expect(buffers.size).toBe(1);
});

test("[I7] a small file takes no memory of a part", async () => {
  const part = await new PartReader(reusing(new Uint8Array(200), 50), { partBytes: 5_000_000 }).next();
  expect(part.bytes.buffer.byteLength).toBeLessThanOrEqual(64 * 1024);
  const hinted = await new PartReader(reusing(new Uint8Array(200), 50), { partBytes: 5_000_000, sizeHint: 200 }).next();
  expect(hinted.bytes.buffer.byteLength).toBe(200);
});

test("what the source throws comes through; close ends the source", async () => {
  const cause = new Error("source");
  let ended = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield new Uint8Array(10);
      yield new Uint8Array(10);
      throw cause;
    } finally {
      ended = true;
    }
  }
  const reader = new PartReader(source(), { partBytes: 5 });
  await reader.next();
  reader.close();
  await Promise.resolve();
  expect(ended).toBe(true);
  await expect(new PartReader(source(), { partBytes: 100 }).next()).rejects.toBe(cause);
});

test("iterated: every part once, in one memory, and leaving the loop ends the source", async () => {
  const content = Uint8Array.from({ length: 10_500 }, (_, i) => i);
  const parts: number[][] = [];
  const buffers = new Set<ArrayBuffer>();
  for await (const { bytes } of new PartReader(reusing(content, 333), { partBytes: 1000, sizeHint: 1000 })) {
    parts.push([...bytes]);
    buffers.add(bytes.buffer);
  }
  expect(parts.flat()).toEqual([...content]);
  expect(parts.map((one) => one.length)).toEqual([...Array.from({ length: 10 }, () => 1000), 500]);
  expect(buffers.size).toBe(1);

  let ended = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield content;
    } finally {
      ended = true;
    }
  }
  for await (const _ of new PartReader(source(), { partBytes: 10 })) break;
  expect(ended).toBe(true);
});
