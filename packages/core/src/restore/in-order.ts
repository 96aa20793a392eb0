/** How much may run at a time. */
export interface Room<T> {
  /** Items. */
  readonly count: number;
  /** Sum of the items' weights; an item that is heavier runs alone. Default: any. */
  readonly weight?: number;
  readonly weigh?: (item: T) => number;
}

/**
 * Runs `work` on the items, as many at a time as there is room for, and gives the results in the order of the items. Nothing runs ahead further
 * than that, so what waits is bounded. When the caller stops, or one fails, the rest is cancelled and waited for. Each piece of work has a signal
 * of its own: Node takes more than ten listeners on one for a leak.
 */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  room: Room<T>,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal | undefined,
): AsyncGenerator<R, void, undefined> {
  const controllers = new Set<AbortController>();
  const stop = (): void => {
    for (const controller of controllers) controller.abort(signal?.reason);
  };
  signal?.throwIfAborted();
  signal?.addEventListener("abort", stop, { once: true });
  const { count, weight: most = Number.POSITIVE_INFINITY, weigh = () => 0 } = room;
  const running: Promise<R>[] = [];
  const weights: number[] = [];
  let total = 0;
  try {
    for (const item of items) {
      const weight = weigh(item);
      while (running.length > 0 && (running.length >= count || total + weight > most)) {
        yield await next(running);
        total -= weights.shift() ?? 0;
      }
      signal?.throwIfAborted();
      const controller = new AbortController();
      controllers.add(controller);
      const started = work(item, controller.signal).finally(() => controllers.delete(controller));
      // It is awaited in its turn; until then its failure is no unhandled rejection.
      started.catch(() => {});
      running.push(started);
      weights.push(weight);
      total += weight;
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
