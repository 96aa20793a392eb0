import { close, fchmod, fchown, fstat, fsync, futimes, open, write } from "node:fs";
import { promisify } from "node:util";

/**
 * Files by their descriptors: thousands of small ones are written and read, and a `FileHandle` costs as much as what is done with such a file.
 * Whoever opens one closes it, however it ends: nothing else does.
 */
export const openDescriptor: typeof open.__promisify__ = promisify(open);
export const closeDescriptor: typeof close.__promisify__ = promisify(close);
export const statDescriptor: typeof fstat.__promisify__ = promisify(fstat);
export const chmodDescriptor: typeof fchmod.__promisify__ = promisify(fchmod);
export const chownDescriptor: typeof fchown.__promisify__ = promisify(fchown);
export const setTimes: typeof futimes.__promisify__ = promisify(futimes);
export const syncDescriptor: typeof fsync.__promisify__ = promisify(fsync);
const writeDescriptor = promisify(write);

/** Writes all of it at the descriptor's position. */
export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += (await writeDescriptor(fd, bytes, at, bytes.length - at)).bytesWritten;
}
