/** Writes the numbers of `count` neighbouring pages to `out`, without the lock page, which no file holds; how many they are. */
export function everyPage(first: number, count: number, lock: number, out: Uint32Array): number {
  let found = 0;
  for (let pgno = first; pgno < first + count; pgno++) if (pgno !== lock) out[found++] = pgno;
  return found;
}
