import { expect } from "vitest";
import { decodeLTX, encodeLTX, type LTXFileSummary, type LTXHeader, type LTXHeaderInit, type LTXPage } from "../src/index.js";

/** Deterministic random numbers: mulberry32. */
export function randomSource(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const WORDS = "select insert account balance transfer user@example.org 2024-05-17T10:22:31 pending shipped null integer primary key".split(" ");

/** A page like those of real databases: records of text and numbers, free space, stale bytes, or noise. */
export function samplePage(seed: number, pageSize: number): Uint8Array<ArrayBuffer> {
  const random = randomSource(seed);
  const page = new Uint8Array(pageSize);
  const kind = random(8);
  if (kind === 0) return page;
  if (kind === 1) return page.fill(random(256));
  if (kind === 2) {
    for (let i = 0; i < pageSize; i++) page[i] = random(256);
    return page;
  }
  if (kind === 3) {
    const period = 1 + random(20);
    for (let i = 0; i < pageSize; i++) page[i] = i < period ? random(256) : (page[i - period] ?? 0);
    return page;
  }
  const encoder = new TextEncoder();
  let at = kind === 4 ? random(pageSize) : 8;
  while (at < pageSize) {
    if (random(5) === 0) {
      for (let n = random(24); n > 0 && at < pageSize; n--) page[at++] = random(256);
    } else {
      at += encoder.encodeInto(WORDS[random(WORDS.length)] ?? "", page.subarray(at)).written;
      at += random(3);
    }
  }
  return page;
}

export async function* chunks(bytes: Uint8Array, size = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return concat(parts);
}

/** Compares contents; `toEqual` takes seconds for a megabyte. */
export function expectBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual?.length).toBe(expected.length);
  if (actual !== undefined && Buffer.compare(actual, expected) !== 0) expect(actual).toEqual(expected);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function encodeFile(header: LTXHeaderInit, pages: Iterable<LTXPage>): Promise<Uint8Array<ArrayBuffer>> {
  return collect(encodeLTX(header, pages));
}

export interface DecodedFile {
  readonly header: LTXHeader;
  readonly pages: Map<number, Uint8Array>;
  readonly summary: LTXFileSummary;
}

export async function decodeFile(bytes: Uint8Array, chunkSize = 65536): Promise<DecodedFile> {
  const pages = new Map<number, Uint8Array>();
  let header: LTXHeader | undefined;
  const batches = decodeLTX(chunks(bytes, chunkSize), {
    onHeader: (h) => {
      header = h;
    },
  });
  for (;;) {
    const next = await batches.next();
    if (header === undefined) throw new Error("no header before the first batch");
    if (next.done === true) return { header, pages, summary: next.value };
    const { pgnos, count, data } = next.value;
    for (let i = 0; i < count; i++) pages.set(pgnos[i] ?? 0, data.slice(i * header.pageSize, (i + 1) * header.pageSize));
  }
}
