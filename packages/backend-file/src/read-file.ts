import { type FileHandle, open } from "node:fs/promises";
import { fileSystemError, LSError, type LTXFileRef, systemErrorCode } from "@ls/core/backend-kit";

const READ_BYTES = 128 * 1024;

export interface ReadRange {
  readonly offset: number;
  /** Bytes wanted at most; 0 = to the end. */
  readonly size: number;
  readonly signal: AbortSignal | undefined;
}

/** The bytes of one file; the next chunk is read while the caller works on the last one. */
export async function* readFileRange(path: string, ref: LTXFileRef, range: ReadRange): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  range.signal?.throwIfAborted();
  const handle = await openFile(path, ref);
  const end = range.size === 0 ? Number.POSITIVE_INFINITY : range.offset + range.size;
  let position = range.offset;
  let pending = readChunk(handle, path, position, end);
  try {
    for (;;) {
      const chunk = await pending;
      if (chunk.length === 0) return;
      range.signal?.throwIfAborted();
      position += chunk.length;
      pending = readChunk(handle, path, position, end);
      yield chunk;
    }
  } finally {
    // Nobody will ask for the chunk under way, but the descriptor may not be closed under it.
    await pending.catch(() => {});
    await handle.close();
  }
}

async function openFile(path: string, ref: LTXFileRef): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw fileSystemError(error, "open", path);
    throw new LSError("LS_LTX_FILE_NOT_FOUND", `there is no LTX file ${path}`, {
      cause: error,
      details: { path, level: ref.level, minTXID: ref.minTXID, maxTXID: ref.maxTXID },
    });
  }
}

async function readChunk(handle: FileHandle, path: string, position: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const want = Math.min(READ_BYTES, end - position);
  if (want <= 0) return new Uint8Array(0);
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(want), 0, want, position);
    return bytesRead === want ? buffer : buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fileSystemError(error, "read", path);
  }
}
