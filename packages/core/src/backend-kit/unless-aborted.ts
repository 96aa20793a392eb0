/**
 * What `work` gives, unless `signal` aborts first: then it rejects with the signal's reason at once, and the work goes on, for others or for nobody.
 * For services whose own calls know no signal, or look at it too late.
 */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // By hand: it is called for every chunk, and `Promise.race` takes four promises more.
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    work.then(
      (value) => {
        signal.removeEventListener("abort", onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", onAbort);
        reject(error);
      },
    );
  });
}
