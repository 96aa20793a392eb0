import { describe, expect, test } from "vitest";
import { concat, expectBytes, samplePage } from "../test/support.js";
import { isLTXError } from "./error.js";
import { decompressLegacyFrame, legacyFrameLimit, legacyFrameSize } from "./legacy-frame.js";

const PAGE = 512;
const page = samplePage(2, PAGE); // noise: stored uncompressed

interface FrameOptions {
  readonly blocks?: readonly Uint8Array[];
  readonly flags?: number;
}

const word = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

/** A page frame around an LZ4 frame with uncompressed blocks, its checksums left at 0. */
function frameOf({ blocks = [page], flags = 0x64 }: FrameOptions = {}): Uint8Array<ArrayBuffer> {
  const header = [Uint8Array.of(0, 0, 0, 9, 0, 0), word(0x184d2204), Uint8Array.of(flags, 0x40)];
  const contentSize = (flags & 0x08) !== 0 ? [new Uint8Array(8)] : [];
  const checksum = (flags & 0x10) !== 0 ? [new Uint8Array(4)] : [];
  const body = blocks.flatMap((block) => [word((block.length | 0x8000_0000) >>> 0), block, ...checksum]);
  return concat([...header, ...contentSize, Uint8Array.of(0), ...body, word(0), ...((flags & 0x04) !== 0 ? [new Uint8Array(4)] : [])]);
}

function read(frame: Uint8Array<ArrayBuffer>, available: number = frame.length): Uint8Array | number {
  const source = { bytes: frame, view: new DataView(frame.buffer) };
  const size = legacyFrameSize(source.view, 0, available, PAGE);
  if (size !== frame.length) return size;
  const bytes = new Uint8Array(PAGE);
  decompressLegacyFrame(source, 0, { bytes, view: new DataView(bytes.buffer) }, 0, PAGE);
  return bytes;
}

describe.each([
  ["a content checksum", 0x64],
  ["no checksum", 0x60],
  ["block checksums", 0x70],
  ["a content size and all checksums", 0x7c],
])("an LZ4 frame with %s", (_what, flags) => {
  test.each([[[page]], [[page.subarray(0, 100), page.subarray(100)]]])("gives the page, from one block or more", (blocks) => {
    const frame = frameOf({ blocks, flags });
    const bytes = read(frame);
    if (typeof bytes === "number") throw new Error("incomplete");
    expectBytes(bytes, page);
    for (let available = 6; available < frame.length; available++) expect(read(frame, available)).toBe(0);
  });
});

test.each<[string, Uint8Array<ArrayBuffer>, string]>([
  ["another magic", frameOf().with(6, 0), "LTX_CORRUPTED"],
  ["another version", frameOf({ flags: 0x24 }), "LTX_UNSUPPORTED"],
  ["a dictionary", frameOf({ flags: 0x65 }), "LTX_UNSUPPORTED"],
  ["less than a page", frameOf({ blocks: [page.subarray(1)] }), "LTX_CORRUPTED"],
  ["more than a page", frameOf({ blocks: [page, page.subarray(0, 1)] }), "LTX_CORRUPTED"],
  ["no block", frameOf({ blocks: [] }), "LTX_CORRUPTED"],
  ["a block that is no LZ4 block", frameOf().with(16, 0), "LTX_CORRUPTED"],
  ["a block larger than any", frameOf().with(15, 0x7f), "LTX_CORRUPTED"],
  ["endless empty blocks", frameOf({ blocks: Array.from({ length: legacyFrameLimit(PAGE) }, () => new Uint8Array(0)) }), "LTX_CORRUPTED"],
])("refuses %s", (_what, frame, code) => {
  expect(() => read(frame)).toThrow(expect.toSatisfy((error: unknown) => isLTXError(error) && error.code === code));
});
