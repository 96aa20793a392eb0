/**
 * Runs `work` on the items, up to `limit` at a time, and gives the results in the order of the items. Nothing runs ahead further than
 * that, so what waits is bounded. When the caller stops, or one fails, the rest is cancelled and waited for. Each piece of work has a signal
 * of its own: Node takes more than ten listeners on one for a leak.
 */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal | undefined,
): AsyncGenerator<R, void, undefined> {
  const controllers = new Set<AbortController>();
  const stop = (): void => {
    for (const controller of controllers) controller.abort(signal?.reason);
  };
  signal?.throwIfAborted();
  signal?.addEventListener("abort", stop, { once: true });
  const running: Promise<R>[] = [];
  try {
    for (const item of items) {
      if (running.length === limit) yield await next(running);
      signal?.throwIfAborted();
      const controller = new AbortController();
      controllers.add(controller);
      const started = work(item, controller.signal).finally(() => controllers.delete(controller));
      // It is awaited in its turn; until then its failure is no unhandled rejection.
      started.catch(() => {});
      running.push(started);
    }
    while (running.length > 0) yield await next(running);
  } finally {
    signal?.removeEventListener("abort", stop);
    for (const controller of controllers) controller.abort();
    await Promise.allSettled(running);
  }
}

async function next<R>(running: Promise<R>[]): Promise<R> {
  const first = await running[0];
  running.shift();
  // `as`: the array was not empty, both callers have looked.
  return first as R;
}
