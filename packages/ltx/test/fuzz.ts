import { decodePageFrame, forceJSCodec, isLTXError, LTXDecoder, mergeLTX, readPageIndex } from "../src/index.js";
import { chunks, concat, encodeFile, randomSource, samplePage } from "./support.js";

/** What happened to the mutated inputs: how often each error code came, and how often the pages came out the same. */
export interface FuzzResult {
  readonly seed: number;
  readonly inputs: number;
  readonly seconds: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

interface Sample {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The decoded pages, one after the other with their numbers. */
  readonly content: Uint8Array;
}

/** A file is small, so that a hang is easy to tell from work. */
const TIME_LIMIT_MS = 2000;

/** The content a decoder makes of the bytes, in chunks of any size. */
function decode(bytes: Uint8Array, chunkSize: number): Uint8Array {
  const decoder = new LTXDecoder();
  const parts: Uint8Array[] = [];
  try {
    for (let at = 0; at < bytes.length; at += chunkSize) {
      for (const batch of decoder.push(bytes.subarray(at, at + chunkSize))) {
        const pageSize = decoder.header?.pageSize ?? 0;
        for (let i = 0; i < batch.count; i++) {
          parts.push(new Uint8Array(batch.pgnos.slice(i, i + 1).buffer), batch.data.slice(i * pageSize, (i + 1) * pageSize));
        }
      }
    }
    decoder.finish();
    return concat(parts);
  } finally {
    decoder.dispose();
  }
}

async function makeSamples(extra: readonly Uint8Array<ArrayBuffer>[]): Promise<Sample[]> {
  const files: Uint8Array<ArrayBuffer>[] = [...extra];
  for (const [i, pageSize] of [512, 512, 1024, 4096].entries()) {
    const everyPage = i % 2 === 0;
    const pgnos = everyPage ? [1, 2, 3] : [2, 5, 9];
    const pages = pgnos.map((pgno) => ({ pgno, data: samplePage(pgno * 17 + i, pageSize) }));
    files.push(
      await encodeFile(
        { pageSize, commit: everyPage ? 3 : 12, minTXID: everyPage ? 1n : 7n, maxTXID: 7n, timestampMs: 1, flags: everyPage && i > 0 ? 0 : 2 },
        pages,
      ),
    );
  }
  return files.map((bytes) => ({ bytes, content: decode(bytes, bytes.length) }));
}

type Random = (below: number) => number;

/** One to three changes: bits, bytes, interesting integers, stretches removed, doubled, swapped or taken from another file; or a cut. */
function mutate(bytes: Uint8Array<ArrayBuffer>, other: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let out = bytes.slice();
  for (let n = 1 + random(3); n > 0 && out.length > 0; n--) {
    const at = random(out.length);
    const length = 1 + random(Math.min(64, out.length - at));
    switch (random(9)) {
      case 0:
      case 1:
        out[at] = (out[at] ?? 0) ^ (1 << random(8));
        break;
      case 2:
        out[at] = random(256);
        break;
      case 3: {
        const value = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 512, 65536][random(7)] ?? 0;
        if (at + 4 <= out.length) new DataView(out.buffer).setUint32(at, value, random(2) === 0);
        break;
      }
      case 4:
        out = concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 5:
        out = concat([out.subarray(0, at + length), out.subarray(at)]);
        break;
      case 6:
        out.fill([0, 255][random(2)] ?? 0, at, at + length);
        break;
      case 7:
        out.set(
          other
            .subarray(at % other.length)
            .subarray(0, length)
            .subarray(0, out.length - at),
          at,
        );
        break;
      default:
        out = out.slice(0, at);
    }
  }
  return out;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * Feeds mutated files to the decoder (both implementations in turn), and every 16th also to the page index, a page frame, and a
 * merge. Anything but an LTXError or the same pages is thrown, with what it takes to repeat it.
 */
export async function fuzz(inputs: number, seed: number, extra: readonly Uint8Array<ArrayBuffer>[]): Promise<FuzzResult> {
  const random = randomSource(seed);
  const samples = await makeSamples(extra);
  const outcomes: Record<string, number> = {};
  const started = performance.now();
  const note = (outcome: string): void => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  for (let i = 0; i < inputs; i++) {
    const sample = samples[random(samples.length)];
    const other = samples[random(samples.length)];
    if (sample === undefined || other === undefined) break;
    const input = mutate(sample.bytes, other.bytes, random);
    const chunkSize = random(4) === 0 ? 1 + random(200) : input.length || 1;
    if (i % 1024 === 0) forceJSCodec(i % 2048 === 0);
    const begun = performance.now();
    try {
      try {
        if (!same(decode(input, chunkSize), sample.content)) throw new Error("other pages came out");
        note("same pages");
      } catch (error) {
        if (!isLTXError(error)) throw error;
        note(error.code);
      }
      if (i % 16 === 0) await fuzzOthers(input, sample.bytes);
      if (performance.now() - begun > TIME_LIMIT_MS) throw new Error("it took too long");
    } catch (error) {
      throw new Error(`fuzz seed ${seed}, input ${i}, chunks of ${chunkSize}: ${Buffer.from(input).toString("base64")}`, { cause: error });
    }
  }
  forceJSCodec(false);
  return { seed, inputs, seconds: (performance.now() - started) / 1000, outcomes };
}

/** The other ways in: they may succeed, for they do not see the whole file or its checksum; they must not fail otherwise. */
async function fuzzOthers(input: Uint8Array, good: Uint8Array): Promise<void> {
  const attempt = async (run: () => unknown): Promise<void> => {
    try {
      await run();
    } catch (error) {
      if (!isLTXError(error)) throw error;
    }
  };
  await attempt(async () => {
    for (const { offset, size } of await readPageIndex(async (at, n) => input.subarray(at, at + n), input.length)) {
      await attempt(() => decodePageFrame(input.subarray(offset, offset + size), 512));
    }
  });
  await attempt(() => decodePageFrame(input.subarray(100), 512));
  await attempt(async () => {
    for await (const chunk of mergeLTX([chunks(input, 300), chunks(good, 500)])) void chunk;
  });
  await attempt(async () => {
    for await (const chunk of mergeLTX([chunks(input, 70)])) void chunk;
  });
}
