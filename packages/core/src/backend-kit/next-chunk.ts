import { unlessAborted } from "./unless-aborted.js";

/**
 * The next chunk of a source, or undefined at its end. Rejects with the signal's reason at once when it is aborted, even
 * while the source is waiting for something that never comes.
 */
export async function nextChunk(source: AsyncIterator<Uint8Array>, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  signal?.throwIfAborted();
  const result = await unlessAborted(source.next(), signal);
  return result.done === true ? undefined : result.value;
}
