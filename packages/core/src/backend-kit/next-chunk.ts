/**
 * The next chunk of a source, or undefined at its end. Rejects with the signal's reason at once when it is aborted, even
 * while the source is waiting for something that never comes.
 */
export async function nextChunk(source: AsyncIterator<Uint8Array>, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  if (signal === undefined) return chunkOf(await source.next());
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  const next = source.next();
  // When the abort wins, nobody waits for the source any more.
  next.catch(() => {});
  try {
    return chunkOf(await Promise.race([next, aborted]));
  } finally {
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}

function chunkOf(result: IteratorResult<Uint8Array>): Uint8Array | undefined {
  return result.done === true ? undefined : result.value;
}
