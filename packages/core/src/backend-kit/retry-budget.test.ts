import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LSError } from "../errors.js";
import { RetryBudget, retrying } from "./retry-budget.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const transient = (retryAfterMs?: number): LSError => new LSError("LS_STORAGE_UNAVAILABLE", "for now", { retryable: true, details: { retryAfterMs } });

async function timed(promise: Promise<unknown>): Promise<{ ms: number; error: unknown }> {
  const start = performance.now();
  const settled = promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  await vi.runAllTimersAsync();
  return { ms: performance.now() - start, error: await settled };
}

test("waits longer each time, never as long as its limit allows twice", async () => {
  const attempts: number[] = [];
  const failure = transient();
  const { ms, error } = await timed(
    retrying(
      async (attempt) => {
        attempts.push(attempt);
        throw failure;
      },
      undefined,
      { maxFailures: 3, firstWaitMs: 100, maxWaitMs: 150 },
    ),
  );
  expect(error).toBe(failure);
  expect(attempts).toEqual([1, 2, 3, 4]);
  expect(ms).toBeGreaterThanOrEqual(50 + 100 + 150);
  expect(ms).toBeLessThanOrEqual(100 + 150 + 150);
});

test("leaves a service alone as long as it asks, within the limit", async () => {
  const once = (retryAfterMs: number) => retrying(async (attempt) => (attempt === 1 ? Promise.reject(transient(retryAfterMs)) : "done"), undefined);
  expect((await timed(once(3000))).ms).toBeGreaterThanOrEqual(2999);
  expect((await timed(once(3_600_000))).ms).toBeLessThanOrEqual(8001);
});

test("repeats nothing that cannot pass, and nothing that is no LSError", async () => {
  for (const failure of [new LSError("LS_STORAGE_DENIED", "no"), new Error("bug")]) {
    let attempts = 0;
    const work = async (): Promise<never> => {
      attempts++;
      throw failure;
    };
    expect((await timed(retrying(work, undefined))).error).toBe(failure);
    expect(attempts).toBe(1);
  }
});

test("[D17] an abort ends the wait with its reason, and leaves neither timer nor listener", async () => {
  const controller = new AbortController();
  const removed = vi.spyOn(controller.signal, "removeEventListener");
  const pending = retrying(() => Promise.reject(transient()), controller.signal).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(10);
  const reason = new Error("stop");
  controller.abort(reason);
  expect(await pending).toBe(reason);
  expect(vi.getTimerCount()).toBe(0);
  expect(removed.mock.calls.length).toBe(0);
});

test("progress refills the budget, crumbs do not", async () => {
  const failures = async (bytes: number): Promise<number> => {
    const budget = new RetryBudget(undefined, { firstWaitMs: 1 });
    for (let count = 0; count < 50; count++) {
      budget.progress(bytes);
      const { error } = await timed(budget.afterFailure(transient()));
      if (error !== undefined) return count;
    }
    return 50;
  };
  expect(await failures(256 * 1024)).toBe(50);
  expect(await failures(1000)).toBe(5);
});
