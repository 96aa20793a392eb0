import { close, closeSync, fchmod, fchown, fstat, fstatSync, fsync, futimes, open, openSync, type Stats, write } from "node:fs";
import { promisify } from "node:util";

/**
 * Files by their descriptors: thousands of small ones are written and read, and a `FileHandle` costs as much as what is done with such a file.
 * Whoever opens one closes it, however it ends: nothing else does.
 */
export const openDescriptor: typeof open.__promisify__ = promisify(open);
export const closeDescriptor: typeof close.__promisify__ = promisify(close);
export const chmodDescriptor: typeof fchmod.__promisify__ = promisify(fchmod);
export const chownDescriptor: typeof fchown.__promisify__ = promisify(fchown);
export const setTimes: typeof futimes.__promisify__ = promisify(futimes);
export const syncDescriptor: typeof fsync.__promisify__ = promisify(fsync);
const writeDescriptor = promisify(write);
const statDescriptor = promisify(fstat);

/** Calls for which nobody waits where the disk is this machine's own. */
export interface BriefCalls {
  /** Of a file that is synced, or of no use any more. */
  close(fd: number): Promise<void> | void;
  stat(fd: number): Promise<Stats> | Stats;
  /** Of a directory in which something was just done. */
  openDirectory(path: string): Promise<number> | number;
}

/**
 * The kernel has what they need in memory, and takes no lock of the file system's journal for them: done on the calling thread they cost a tenth of
 * what it takes to hand them to another one and come back.
 */
export const BRIEF_CALLS_HERE: BriefCalls = { close: closeSync, stat: fstatSync, openDirectory: (path) => openSync(path, "r") };
/** Another machine may be asked, and its answer may take any time. */
export const BRIEF_CALLS_ELSEWHERE: BriefCalls = { close: closeDescriptor, stat: statDescriptor, openDirectory: (path) => openDescriptor(path, "r") };

/** Writes all of it at the descriptor's position. */
export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += (await writeDescriptor(fd, bytes, at, bytes.length - at)).bytesWritten;
}
