/** Time as the Store sees it; tests bring their own. */
export interface Clock {
  /** Ms since the epoch. */
  now(): number;
  /** Calls `call` once after `ms`. @returns cancels it. */
  after(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
