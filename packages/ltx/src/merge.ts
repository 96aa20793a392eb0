import { crcUpdate, crcValue } from "./crc64.js";
import type { LTXFileSummary } from "./decoder.js";
import { LTXError } from "./error.js";
import { CHECKSUM_FLAG, LTX_NO_CHECKSUM, LTX_TRAILER_SIZE, PAGE_HEADER_SIZE } from "./format.js";
import { FrameWalk } from "./frame-walk.js";
import { encodeLTXHeader, type LTXHeader, tracksChecksums } from "./header.js";
import { PageIndexBuilder } from "./index-builder.js";
import { MergeBatch } from "./merge-batch.js";
import { InputMemory, type LTXMergeSource, MergeInput } from "./merge-input.js";
import { PageSequence } from "./page-sequence.js";

/** Options of `mergeLTX()`. */
export interface LTXMergeOptions {
  /** Time of the merged file in milliseconds since the Unix epoch, 0 to 2^53 - 1. Default: that of the newest input. */
  readonly timestampMs?: number | undefined;
  /** The chunks may be overwritten when the next one is asked for: faster, for who writes each away at once. Default false: they are the caller's own. */
  readonly reuseChunks?: boolean | undefined;
  /** An AbortSignal: stops the merge between two chunks; its reason is thrown. Default: none. */
  readonly signal?: { throwIfAborted(): void } | undefined;
}

/**
 * Merges files into one that has the effect of applying them in order: the newest page wins, and a page beyond the size
 * of any newer file is gone. The frames go through as they are; every page is decompressed once, to verify its file and to
 * compute the new checksum. Every input is read to its end and verified as {@link verifyLTX} does.
 *
 * The result covers the first input's `minTXID` to the last one's `maxTXID`, has the newest commit, and tracks no database
 * checksums. Bytes come before the inputs are verified to the end: nothing must be kept if the generator throws.
 *
 * Memory: one arena of 1152 KiB, the page index of the result (about 9 bytes per page), and one chunk of each source.
 *
 * @param inputs oldest first, each starting at most one transaction after the end of the one before and ending after it. All are
 *   opened at once, and read as the merge needs them; a chunk may be overwritten when the next one is asked for. Each that was not read to its
 *   end is closed in any case. One that gives its chunks synchronously (an array of them, too) costs no turn of the event loop.
 * @returns the chunks; the generator's return value is the summary of the merged file.
 * @throws {@link LTXError} `LTX_INVALID` when the inputs do not belong together; what {@link LTXDecoder} throws for one of them;
 *   `LTX_CORRUPTED` when they lack a page of a result that must hold all. Errors of the sources pass through.
 */
export async function* mergeLTX(
  inputs: readonly LTXMergeSource[],
  options: LTXMergeOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, LTXFileSummary, undefined> {
  options.signal?.throwIfAborted();
  const files = inputsOf(inputs);
  const handOut = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => (options.reuseChunks === true ? bytes : bytes.slice());
  let batch: MergeBatch | undefined;
  try {
    await openAll(files);
    const header = mergedHeader(files, options.timestampMs);
    setLimits(files);
    const headerBytes = encodeLTXHeader(header);
    batch = new MergeBatch(header.pageSize);
    batch.checksum(headerBytes);
    yield headerBytes;
    const sequence = new PageSequence(header, "LTX_CORRUPTED");
    const index = new PageIndexBuilder();
    const walk = new FrameWalk(files, { batch, sequence, index });
    for (let halt = walk.run(); ; halt = walk.run()) {
      if (typeof halt !== "string") {
        await halt;
        continue;
      }
      if (halt === "single") {
        const bytes = walk.single();
        if (bytes !== undefined) yield handOut(bytes);
        continue;
      }
      const bytes = batch.flush();
      if (bytes.length > 0) yield handOut(bytes);
      for (const file of walk.takeEnded()) {
        const ending = file.end();
        if (ending !== undefined) await ending;
      }
      if (halt === "end") break;
      options.signal?.throwIfAborted();
    }
    sequence.end();
    checkChain(files);
    const tail = finishFile(batch, index);
    yield tail.bytes;
    const trailer = { postApplyChecksum: 0n, fileChecksum: tail.fileChecksum };
    return { header, trailer, pageCount: sequence.count, size: index.frameOffset + tail.bytes.length };
  } finally {
    batch?.dispose();
    await closeAll(files);
  }
}

/*
 * What is done for each input is no function of one merge: what V8 has compiled for such a function is gone with it, and to compile it for each
 * merge costs as much as hundreds of small files.
 */

function inputsOf(sources: readonly LTXMergeSource[]): readonly MergeInput[] {
  const memory = new InputMemory(sources.length);
  const files: MergeInput[] = [];
  for (const source of sources) files.push(new MergeInput(source, files.length, memory));
  return files;
}

async function closeAll(files: readonly MergeInput[]): Promise<void> {
  const closing: Promise<void>[] = [];
  for (const file of files) if (file.isOpen) closing.push(file.close());
  await Promise.all(closing);
}

/** Reads all headers, those at the same time that have to be waited for. */
async function openAll(files: readonly MergeInput[]): Promise<void> {
  const opening: Promise<void>[] = [];
  for (const file of files) {
    const open = file.open();
    if (open === undefined) continue;
    // Another one may fail before it is waited for.
    open.catch(() => {});
    opening.push(open);
  }
  await Promise.all(opening);
}

function mergedHeader(files: readonly MergeInput[], timestampMs: number | undefined): LTXHeader {
  const first = files[0]?.header;
  const last = files.at(-1)?.header;
  if (first === undefined || last === undefined) throw new LTXError("LTX_INVALID", "nothing to merge");
  let previous = first;
  for (const { header } of files.slice(1)) {
    if (header.pageSize !== previous.pageSize) throw new LTXError("LTX_INVALID", `page sizes differ: ${previous.pageSize} and ${header.pageSize}`);
    if (header.minTXID > previous.maxTXID + 1n || header.maxTXID <= previous.maxTXID) {
      throw new LTXError("LTX_INVALID", `transactions ${header.minTXID}-${header.maxTXID} do not continue ${previous.minTXID}-${previous.maxTXID}`);
    }
    previous = header;
  }
  return {
    flags: LTX_NO_CHECKSUM,
    pageSize: last.pageSize,
    commit: last.commit,
    minTXID: first.minTXID,
    maxTXID: last.maxTXID,
    timestampMs: timestampMs ?? last.timestampMs,
    preApplyChecksum: 0n,
    walOffset: 0,
    walSize: 0,
    walSalt1: 0,
    walSalt2: 0,
    nodeID: 0n,
  };
}

/** A page survives only up to the smallest database size of all newer files. */
function setLimits(files: readonly MergeInput[]): void {
  let limit = 0xffff_ffff;
  for (const file of files.toReversed()) {
    file.limit = limit;
    limit = Math.min(limit, file.header.commit);
  }
}

/** Where one tracked file directly continues another one, its pre-apply checksum must be the other's post-apply checksum. */
function checkChain(files: readonly MergeInput[]): void {
  for (const [i, file] of files.entries()) {
    const next = files[i + 1];
    if (next === undefined || file.trailer === undefined) continue;
    const tracked = tracksChecksums(file.header) && tracksChecksums(next.header);
    if (tracked && next.header.minTXID === file.header.maxTXID + 1n && next.header.preApplyChecksum !== file.trailer.postApplyChecksum) {
      throw new LTXError("LTX_CHECKSUM_MISMATCH", `input ${i + 1} was made for another database than the one input ${i} leaves`);
    }
  }
}

/** The end of the page block, the page index and the trailer. */
function finishFile(batch: MergeBatch, index: PageIndexBuilder): { readonly bytes: Uint8Array<ArrayBuffer>; readonly fileChecksum: bigint } {
  const trailerAt = PAGE_HEADER_SIZE + index.size;
  const bytes = new Uint8Array(trailerAt + LTX_TRAILER_SIZE);
  const view = new DataView(bytes.buffer);
  index.finish(bytes, PAGE_HEADER_SIZE);
  crcUpdate(batch.register, view, 0, trailerAt + 8);
  const fileChecksum = crcValue(batch.register) | CHECKSUM_FLAG;
  view.setBigUint64(trailerAt + 8, fileChecksum, false);
  return { bytes, fileChecksum };
}
