import { closeSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LTX_TRAILER_SIZE } from "@ls/ltx";
import { LSError } from "../errors.js";
import { fileSystemError, systemErrorCode } from "../system-error.js";

const READ_BYTES = 256 * 1024;
/**
 * Up to this size a file is read synchronously, as all that is small and lies beside the database: most are, and still in the kernel's memory
 * from being written, so that four ways to another thread and back would cost far more than the reading.
 */
const SMALL_BYTES = 64 * 1024;

/**
 * The bytes of a staged file, read as the consumer asks for them: memory is one chunk, however large the file is. Chunks belong to
 * the consumer. The file is opened at the first `next()` and closed when the loop ends, however it ends.
 * @param size bytes that the file had when it was staged or verified.
 * @throws LSError `LS_LTX_MISSING` when the file is gone, or not the whole one: what came so far must not become visible anywhere.
 */
export async function* readStagedFile(path: string, size: number, signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  signal?.throwIfAborted();
  if (size <= SMALL_BYTES) {
    yield readSmall(path, size);
    return;
  }
  const handle = await openStaged(path);
  let read = 0;
  try {
    for (;;) {
      signal?.throwIfAborted();
      // One byte more than there should be: a file that is longer is not the one that was staged.
      const wanted = Math.min(READ_BYTES, size - read + 1);
      const chunk = await readChunk(handle, path, wanted, null);
      read += chunk.length;
      if (read > size || (chunk.length === 0 && read < size)) throw notWhole(path, size);
      if (chunk.length > 0) yield chunk;
      // Fewer than were asked for are there only at the end of a file.
      if (chunk.length < wanted && read === size) return;
    }
  } finally {
    await handle.close();
  }
}

function readSmall(path: string, size: number): Uint8Array<ArrayBuffer> {
  // One byte more than there should be, as below.
  const bytes = new Uint8Array(size + 1);
  let fd: number | undefined;
  let read = 0;
  try {
    fd = openSync(path, "r");
    let more: number;
    do {
      more = readSync(fd, bytes, read, bytes.length - read, null);
      read += more;
    } while (more > 0);
  } catch (error) {
    throw fd === undefined ? openFailure(path, error) : fileSystemError(error, "read", path);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  if (read !== size) throw notWhole(path, size);
  return bytes.subarray(0, size);
}

/**
 * The last 16 bytes of a staged file: its checksums, and so its identity among files of one name.
 * @throws LSError `LS_LTX_MISSING` when the file is gone.
 */
export async function readStagedTrailer(path: string, size: number): Promise<Uint8Array> {
  const handle = await openStaged(path);
  try {
    return await readChunk(handle, path, LTX_TRAILER_SIZE, size - LTX_TRAILER_SIZE);
  } finally {
    await handle.close();
  }
}

async function readChunk(handle: FileHandle, path: string, size: number, position: number | null): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(size), 0, size, position);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fileSystemError(error, "read", path);
  }
}

async function openStaged(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw openFailure(path, error);
  }
}

function openFailure(path: string, error: unknown): Error {
  return systemErrorCode(error) === "ENOENT" ? missing(path, "is gone", error) : fileSystemError(error, "open", path);
}

function notWhole(path: string, size: number): LSError {
  return missing(path, `has not the ${size} bytes that were staged`);
}

function missing(path: string, what: string, cause?: unknown): LSError {
  return new LSError("LS_LTX_MISSING", `the staged file ${path} ${what}, and the destination does not hold it`, { cause, details: { path } });
}
