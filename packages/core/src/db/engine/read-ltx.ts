import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { hashPages, LTXDecoder, type LTXHeader, type LTXPageBatch } from "@ls/ltx";
import type { Slicer } from "../../concurrency/slicer.js";
import { attempt } from "../meta/atomic-file.js";
import type { PageTable } from "../meta/page-table.js";

const CHUNK_BYTES = 256 * 1024;

export interface LTXFileFacts {
  readonly header: LTXHeader;
  readonly pageCount: number;
  readonly size: number;
}

/**
 * Reads a local LTX file to its last byte and verifies it. Batches are views, and must not count before this has returned.
 * @throws LTXError when the file is damaged.
 */
export async function readLTX(path: string, onBatch: (header: LTXHeader, batch: LTXPageBatch) => void, slicer: Slicer): Promise<LTXFileFacts> {
  const decoder = new LTXDecoder();
  const fd = attempt("open", path, () => openSync(path, "r"));
  try {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, fstatSync(fd).size)));
    for (;;) {
      const length = readSync(fd, chunk, 0, chunk.length, null);
      if (length === 0) break;
      for (const batch of decoder.push(chunk.subarray(0, length))) if (decoder.header !== undefined) onBatch(decoder.header, batch);
      if (slicer.due) await slicer.pause();
    }
    return decoder.finish();
  } finally {
    closeSync(fd);
    decoder.dispose();
  }
}

/** Brings a page table forward by one file: afterwards it describes the state after that file, or (when this throws) nothing. */
export async function rollForward(table: PageTable, path: string, slicer: Slicer): Promise<LTXFileFacts> {
  let hashes = new Uint32Array(0);
  let started = false;
  return readLTX(
    path,
    (header, { pgnos, count, data }) => {
      if (!started) table.resize(header.commit);
      started = true;
      if (hashes.length < count * 2) hashes = new Uint32Array(count * 2);
      hashPages(data, header.pageSize, count, hashes);
      table.update(pgnos, count, hashes);
    },
    slicer,
  ).then((facts) => {
    table.resize(facts.header.commit);
    return facts;
  });
}
