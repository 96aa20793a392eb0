import { link, lstat, rename, rm, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { fileSystemError, LSError, nextChunk, systemErrorCode } from "@ls/core/backend-kit";
import { decodeLTXHeader, LTX_HEADER_SIZE } from "@ls/ltx";
import { type BriefCalls, chmodDescriptor, chownDescriptor, closeDescriptor, openDescriptor, setTimes, syncDescriptor, writeAll } from "./descriptors.js";
import { type Ownership, own, syncDirectory } from "./directory.js";
import { tempPathFor } from "./layout.js";
import { WriteBuffer } from "./write-buffer.js";

/** Systems without hard links say so in many ways. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL"]);

export interface WrittenFile {
  readonly size: number;
  /** The LTX header's time. */
  readonly timestampMs: number;
}

interface FillSettings {
  readonly ownership: Ownership;
  /** How the file system is asked what it knows at once. */
  readonly calls: BriefCalls;
  readonly signal: AbortSignal | undefined;
}

export interface WriteSettings extends FillSettings {
  readonly createOnly: boolean;
}

/**
 * Writes `data` to `path`, all or nothing: into a temporary file beside it that is complete, durable and carries its times
 * before the name appears. The directory must exist.
 */
export async function writeFileAtomically(
  path: string,
  data: AsyncIterable<Uint8Array>,
  { ownership, calls, createOnly, signal }: WriteSettings,
): Promise<WrittenFile> {
  const temp = tempPathFor(path);
  // Exclusive creation refuses a symbolic link that someone may have put there.
  const fd = await storage("create", temp, () => openDescriptor(temp, "wx", ownership.fileMode));
  try {
    const written = await fill(fd, temp, data, { ownership, calls, signal });
    await publish(temp, path, createOnly);
    await storage("sync", dirname(path), () => syncDirectory(dirname(path), calls));
    return written;
  } catch (error) {
    await rm(temp, { force: true }).catch(() => {
      // The first failure is the one to report; the next sweep removes what is left.
    });
    throw error;
  }
}

async function fill(fd: number, temp: string, data: AsyncIterable<Uint8Array>, { ownership, calls, signal }: FillSettings): Promise<WrittenFile> {
  const gathered = new WriteBuffer();
  try {
    await storage("set the mode of", temp, () =>
      own(ownership, ownership.fileMode, {
        stat: () => calls.stat(fd),
        chmod: (mode) => chmodDescriptor(fd, mode),
        chown: (uid, gid) => chownDescriptor(fd, uid, gid),
      }),
    );
    const header = new Uint8Array(LTX_HEADER_SIZE);
    let size = 0;
    const source = data[Symbol.asyncIterator]();
    let exhausted = false;
    try {
      for (;;) {
        const chunk = await nextChunk(source, signal);
        if (chunk === undefined) {
          exhausted = true;
          break;
        }
        if (size < LTX_HEADER_SIZE) header.set(chunk.subarray(0, LTX_HEADER_SIZE - size), size);
        size += chunk.length;
        if (gathered.add(chunk)) continue;
        await storage("write", temp, () => writeAll(fd, gathered.take()));
        if (!gathered.add(chunk)) await storage("write", temp, () => writeAll(fd, chunk));
      }
    } finally {
      // Not awaited: a source that hangs must not hold an aborted call.
      if (!exhausted) void source.return?.().catch(() => {});
    }
    await storage("write", temp, () => writeAll(fd, gathered.take()));
    const { timestampMs } = checkedHeader(header.subarray(0, size), temp);
    await storage("write", temp, async () => {
      const seconds = mtimeSeconds(timestampMs);
      await setTimes(fd, seconds, seconds);
      await syncDescriptor(fd);
    });
    signal?.throwIfAborted();
    return { size, timestampMs };
  } finally {
    gathered.dispose();
    await calls.close(fd);
  }
}

/**
 * A time that every reader sees as this millisecond. The kernel keeps nanoseconds and libuv gets them from a double, which
 * lands below the wanted value in half of the cases; half a microsecond on top is far from both neighbours.
 */
function mtimeSeconds(timestampMs: number): number {
  return (timestampMs + 0.0005) / 1000;
}

async function publish(temp: string, path: string, createOnly: boolean): Promise<void> {
  if (!createOnly) return storage("rename", path, () => rename(temp, path));
  try {
    await link(temp, path);
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    if (code === "EEXIST") throw conflict(path);
    if (!NO_LINKS.has(code)) throw fileSystemError(error, "link", path);
    return publishWithoutLinks(temp, path);
  }
  await storage("remove", temp, () => unlink(temp));
}

/** Where nothing can be linked, writers exclude one another by a claim file; its name is swept like any temporary one. */
async function publishWithoutLinks(temp: string, path: string): Promise<void> {
  const claim = `${path}.0000000000000000.tmp`;
  await storage("create", claim, async () => closeDescriptor(await openDescriptor(claim, "wx", 0o600)), path);
  try {
    if (await exists(path)) throw conflict(path);
    await storage("rename", path, () => rename(temp, path));
  } finally {
    await rm(claim, { force: true });
  }
}

/** Whether anything has that name. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return false;
    throw fileSystemError(error, "look at", path);
  }
}

function conflict(path: string): LSError {
  return new LSError("LS_CONFLICT", `${path} exists already`, { details: { path } });
}

function checkedHeader(header: Uint8Array, path: string): { readonly timestampMs: number } {
  try {
    return decodeLTXHeader(header);
  } catch (cause) {
    throw new LSError("LS_LTX_CORRUPTED", `what was to be written to ${path} does not start with an LTX header`, { cause, details: { path } });
  }
}

/** Runs a file system step; its failure becomes an LSError, or `LS_CONFLICT` where `exclusiveFor` is being claimed. */
async function storage<T>(operation: string, path: string, step: () => Promise<T>, exclusiveFor?: string): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (exclusiveFor !== undefined && systemErrorCode(error) === "EEXIST") throw conflict(exclusiveFor);
    throw fileSystemError(error, operation, path);
  }
}
