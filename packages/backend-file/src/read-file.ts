import { close, open, read } from "node:fs";
import { fileSystemError, LSError, type LTXFileRef, systemErrorCode } from "@ls/core/backend-kit";
import { BufferPool } from "./buffer-pool.js";
import { closeDescriptor, openDescriptor } from "./descriptors.js";
import { ltxFilePath } from "./layout.js";

const READ_BYTES = 512 * 1024;
/** The first read of a file whose size is not told, and all of most files: memory that is not needed costs page faults, and lies about until it is collected. */
const FIRST_BYTES = 64 * 1024;
/** After a read that came back short there is nothing left, and this much to find that out. */
const LAST_BYTES = 4096;
/** Enough for eight files read at a time. */
const buffersForReading = new BufferPool(READ_BYTES, 16);
/** Most files fit into these, and what was read to one lies in the processor's cache still when it is read to again. */
const SMALL_BYTES = 64 * 1024;
const smallBuffers = new BufferPool(SMALL_BYTES, 16);

export interface ReadRange {
  readonly offset: number;
  /** Bytes wanted at most; 0 = to the end. */
  readonly size: number;
  /** Chunks may be overwritten when the next one is asked for. */
  readonly reuseChunks: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The bytes of one file. */
export function readFileRange(root: string, ref: LTXFileRef, range: ReadRange): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  return range.size > 0 && range.size <= READ_BYTES ? readAtOnce(root, ref, range) : readInTurns(root, ref, range);
}

/** What goes into one buffer. The file is closed again before anybody gets it. */
async function* readAtOnce(root: string, ref: LTXFileRef, range: ReadRange): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  range.signal?.throwIfAborted();
  const pool = range.size <= SMALL_BYTES ? smallBuffers : buffersForReading;
  const buffer = range.reuseChunks ? pool.take() : new Uint8Array(range.size);
  try {
    const received = await fillFromFile(ltxFilePath(root, ref), ref, buffer.subarray(0, range.size), range.offset);
    range.signal?.throwIfAborted();
    if (received > 0) yield buffer.subarray(0, received);
  } finally {
    if (range.reuseChunks) pool.give(buffer);
  }
}

/** Opens, reads and closes, as far as the file goes. Callbacks: of thousands of small files, a promise for each of the three is a good part of the cost. */
function fillFromFile(path: string, ref: LTXFileRef, buffer: Uint8Array<ArrayBuffer>, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, "r", (openError, fd) => {
      if (openError !== null) return reject(whyNotOpened(openError, path, ref));
      const end = (readError: Error | null, received: number): void =>
        close(fd, (closeError) => {
          const error = readError ?? closeError;
          if (error) reject(fileSystemError(error, "read", path));
          else resolve(received);
        });
      const readFrom = (at: number): void =>
        read(fd, buffer, at, buffer.length - at, offset + at, (error, bytesRead) => {
          const received = at + bytesRead;
          if (error !== null || bytesRead === 0 || received === buffer.length) end(error, received);
          else readFrom(received);
        });
      readFrom(0);
    });
  });
}

/** The next chunk is read while the caller works on the last one. */
async function* readInTurns(root: string, ref: LTXFileRef, range: ReadRange): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const path = ltxFilePath(root, ref);
  range.signal?.throwIfAborted();
  const fd = await openFile(path, ref);
  const end = range.size === 0 ? Number.POSITIVE_INFINITY : range.offset + range.size;
  // Two take turns: one is read into while the caller has the other.
  const buffers = range.reuseChunks ? [buffersForReading.take(), buffersForReading.take()] : [];
  let position = range.offset;
  let turn = 0;
  let most = range.size === 0 && !range.reuseChunks ? FIRST_BYTES : READ_BYTES;
  const readNext = (): Promise<Uint8Array<ArrayBuffer>> => {
    const want = Math.max(0, Math.min(most, end - position));
    return readChunk(fd, path, buffers[turn++ % 2]?.subarray(0, want) ?? new Uint8Array(want), position);
  };
  let pending = readNext();
  try {
    for (;;) {
      const chunk = await pending;
      if (chunk.length === 0) return;
      range.signal?.throwIfAborted();
      position += chunk.length;
      most = chunk.length < Math.min(most, end - position + chunk.length) ? LAST_BYTES : READ_BYTES;
      pending = readNext();
      yield chunk;
    }
  } finally {
    // Nobody will ask for the chunk under way, but neither descriptor nor buffer may be given away under it.
    await pending.catch(() => {});
    for (const buffer of buffers) buffersForReading.give(buffer);
    await closeDescriptor(fd);
  }
}

async function openFile(path: string, ref: LTXFileRef): Promise<number> {
  try {
    return await openDescriptor(path, "r");
  } catch (error) {
    throw whyNotOpened(error, path, ref);
  }
}

function whyNotOpened(error: unknown, path: string, ref: LTXFileRef): Error {
  if (systemErrorCode(error) !== "ENOENT") return fileSystemError(error, "open", path);
  return new LSError("LS_LTX_FILE_NOT_FOUND", `there is no LTX file ${path}`, {
    cause: error,
    details: { path, level: ref.level, minTXID: ref.minTXID, maxTXID: ref.maxTXID },
  });
}

/** Fills the buffer from the file as far as it goes. */
function readChunk(fd: number, path: string, buffer: Uint8Array<ArrayBuffer>, position: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    if (buffer.length === 0) return resolve(buffer);
    read(fd, buffer, 0, buffer.length, position, (error, bytesRead) => {
      if (error !== null) reject(fileSystemError(error, "read", path));
      else resolve(bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead));
    });
  });
}
