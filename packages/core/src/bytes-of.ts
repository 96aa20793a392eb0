/** Bytes of all these files. A loop, where other ways to add up compile a function for each call. */
export function bytesOf(files: Iterable<{ readonly size: number }>): number {
  let bytes = 0;
  for (const { size } of files) bytes += size;
  return bytes;
}
