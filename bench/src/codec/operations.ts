import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { LTXDecoder, LTXEncoder, lockPage, mergeLTX } from "@ls/ltx";

/** As the Go program beside it: what one read of a file moves, and the read buffer of one input of a merge. */
const BUFFER_BYTES = 256 * 1024;
const MERGE_BUFFER_BYTES = 64 * 1024;
const TIMESTAMP_MS = 1_700_000_000_000;

/** Writes the whole database as one LTX file. */
export function encode(dbPath: string, ltxPath: string): void {
  const input = openSync(dbPath, "r");
  const output = openSync(ltxPath, "w");
  try {
    const pageSize = readPageSize(input);
    const commit = fstatSync(input).size / pageSize;
    const locked = lockPage(pageSize);
    const encoder = new LTXEncoder({ pageSize, commit, minTXID: 1n, maxTXID: 1n, timestampMs: TIMESTAMP_MS });
    const pgnos = new Uint32Array(encoder.batchPages);
    for (let pgno = 1; pgno <= commit; ) {
      if (pgno === locked) {
        pgno++;
        continue;
      }
      const end = pgno < locked ? Math.min(locked - 1, commit) : commit;
      const count = Math.min(encoder.batchPages, end - pgno + 1);
      readSync(input, encoder.input, 0, count * pageSize, (pgno - 1) * pageSize);
      for (let i = 0; i < count; i++) pgnos[i] = pgno + i;
      writeSync(output, encoder.encodeBatch(pgnos, count));
      pgno += count;
    }
    writeSync(output, encoder.finish());
  } finally {
    closeSync(output);
    closeSync(input);
  }
}

/** The page size in the SQLite header. */
function readPageSize(fd: number): number {
  const header = new Uint8Array(18);
  readSync(fd, header, 0, 18, 0);
  const size = new DataView(header.buffer).getUint16(16);
  return size === 1 ? 65536 : size;
}

/** Writes the pages of an LTX file to their places in a database file, and verifies the file. */
export function decode(ltxPath: string, dbPath: string): void {
  const input = openSync(ltxPath, "r");
  const output = openSync(dbPath, "w");
  try {
    const decoder = new LTXDecoder();
    for (;;) {
      const chunk = decoder.input.subarray(0, BUFFER_BYTES);
      const size = readSync(input, chunk, 0, chunk.length, null);
      if (size === 0) break;
      for (const batch of decoder.push(chunk.subarray(0, size))) writePages(output, batch.pgnos, batch.count, batch.data, decoder.header?.pageSize ?? 0);
    }
    decoder.finish();
  } finally {
    closeSync(output);
    closeSync(input);
  }
}

/** Writes the pages of a batch to their places, neighbours in one call. */
function writePages(fd: number, pgnos: Uint32Array, count: number, data: Uint8Array, pageSize: number): void {
  for (let start = 0; start < count; ) {
    const pgno = pgnos[start] ?? 0;
    let end = start + 1;
    while (end < count && pgnos[end] === pgno + end - start) end++;
    writeSync(fd, data, start * pageSize, (end - start) * pageSize, (pgno - 1) * pageSize);
    start = end;
  }
}

/** Merges LTX files, oldest first. */
export async function merge(outputPath: string, inputs: readonly string[]): Promise<void> {
  const output = openSync(outputPath, "w");
  try {
    for await (const chunk of mergeLTX(inputs.map(readChunks), { reuseChunks: true })) writeSync(output, chunk);
  } finally {
    closeSync(output);
  }
}

async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const fd = openSync(path, "r");
  const chunk = new Uint8Array(Math.min(MERGE_BUFFER_BYTES, fstatSync(fd).size));
  try {
    for (;;) {
      const size = readSync(fd, chunk, 0, chunk.length, null);
      if (size === 0) return;
      yield chunk.subarray(0, size);
    }
  } finally {
    closeSync(fd);
  }
}

export const SPLIT_SHAPES = ["ranges", "stripes"] as const;
/** `ranges`: file k holds the k-th run of neighbouring pages. `stripes`: every `count`-th page, so that each page comes from another file. */
export type SplitShape = (typeof SPLIT_SHAPES)[number];

/** Spreads a database over `paths.length` LTX files that share no page, TXID 2, 3, … */
export function split(dbPath: string, paths: readonly string[], shape: SplitShape): void {
  const input = openSync(dbPath, "r");
  try {
    const pageSize = readPageSize(input);
    const commit = fstatSync(input).size / pageSize;
    const page = new Uint8Array(pageSize);
    const each = Math.ceil(commit / paths.length);
    for (const [k, path] of paths.entries()) {
      const output = openSync(path, "w");
      // From TXID 2: a file with TXID 1 must hold every page.
      const encoder = new LTXEncoder({ pageSize, commit, minTXID: BigInt(k + 2), maxTXID: BigInt(k + 2), timestampMs: TIMESTAMP_MS });
      const [start, end, step] = shape === "ranges" ? [k * each + 1, Math.min(commit, (k + 1) * each), 1] : [k + 1, commit, paths.length];
      for (let pgno = start; pgno <= end; pgno += step) {
        if (pgno === lockPage(pageSize)) continue;
        readSync(input, page, 0, pageSize, (pgno - 1) * pageSize);
        writeSync(output, encoder.encodePage(pgno, page));
      }
      writeSync(output, encoder.finish());
      closeSync(output);
    }
  } finally {
    closeSync(input);
  }
}
