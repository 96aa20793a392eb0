import { getHeapStatistics } from "node:v8";

/** Time between two looks, ms. */
const LOOK_MS = 10_000;
/** A thread that was busy for less than this share of the time is calm: a collection takes some tens of milliseconds, and nobody waits for them. */
const CALM_SHARE = 0.1;
/** By how much a heap has to have grown before a collection is worthwhile. */
const GROWTH_BYTES = 8 * 1024 * 1024;

/** The heap of a thread, as {@link IdleHeap} sees it. */
export interface ThreadHeap {
  /** Bytes that it takes from the system, in use or not. */
  bytes(): number;
  /** Share of the time since the call before in which the thread was busy, from 0 to 1. */
  busyShare(): number;
  /** Gives what is not in use back to the system. */
  collect(): Promise<void>;
}

/**
 * Has the heap of a thread collected when a rush is over, such as the start of a thousand databases: V8 does so by what is allocated, and a thread
 * in which everything rests allocates nothing. It is for a thread of our own, never for the application's.
 */
export class IdleHeap {
  readonly #heap: ThreadHeap;
  #floorBytes: number;

  constructor(heap: ThreadHeap) {
    this.#heap = heap;
    this.#floorBytes = heap.bytes();
  }

  /** Resolves when a collection, if one was due, is over. */
  async look(): Promise<void> {
    const isCalm = this.#heap.busyShare() < CALM_SHARE;
    if (!isCalm || this.#heap.bytes() - this.#floorBytes < GROWTH_BYTES) return;
    await this.#heap.collect();
    this.#floorBytes = this.#heap.bytes();
  }
}

/** Watches the heap of the calling thread from now on. Does not keep it alive. */
export function watchIdleHeap(): void {
  let before = performance.eventLoopUtilization();
  const idle = new IdleHeap({
    bytes: () => getHeapStatistics().total_heap_size,
    busyShare: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
    collect: collectGarbage,
  });
  setInterval(() => void idle.look(), LOOK_MS).unref();
}

/** Without effect where Node was built without its inspector, the only way to this that needs no flag of the process. Does not throw. */
export async function collectGarbage(): Promise<void> {
  try {
    const { Session } = await import("node:inspector");
    const session = new Session();
    session.connect();
    await new Promise<void>((resolve) => session.post("HeapProfiler.collectGarbage", () => resolve()));
    session.disconnect();
  } catch {
    // It is left to V8.
  }
}
