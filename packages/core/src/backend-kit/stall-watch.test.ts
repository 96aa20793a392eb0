import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isLSError } from "../errors.js";
import { StallWatch } from "./stall-watch.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("idles for so long, and no longer", () => {
  const watch = new StallWatch(undefined, { idleMs: 1000 });
  for (let i = 0; i < 5; i++) {
    vi.advanceTimersByTime(900);
    watch.moved(1);
  }
  expect(watch.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1001);
  expect(isLSError(watch.signal.reason, "LS_STORAGE_UNAVAILABLE") && watch.signal.reason.retryable).toBe(true);
});

test("what trickles ends at the deadline, what gets on does not", () => {
  const trickles = new StallWatch(undefined, { idleMs: 1000, deadlineMs: 5000 });
  const flows = new StallWatch(undefined, { idleMs: 1000, deadlineMs: 5000 });
  for (let i = 0; i < 12; i++) {
    vi.advanceTimersByTime(500);
    trickles.moved(1);
    flows.moved(1024 * 1024);
  }
  expect([trickles.signal.aborted, flows.signal.aborted]).toEqual([true, false]);
  flows.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test("time that is the caller's does not count", () => {
  const watch = new StallWatch(undefined, { idleMs: 1000, deadlineMs: 1500 });
  vi.advanceTimersByTime(900);
  watch.pause();
  vi.advanceTimersByTime(100_000);
  watch.resume();
  vi.advanceTimersByTime(90);
  expect(watch.signal.aborted).toBe(false);
  vi.advanceTimersByTime(20);
  expect(watch.signal.aborted).toBe(true);
});

test("follows its parent, and leaves nothing there", () => {
  const parent = new AbortController();
  const removed = vi.spyOn(parent.signal, "removeEventListener");
  const [first, second] = [new StallWatch(parent.signal), new StallWatch(parent.signal)];
  first.stop();
  expect(removed).toHaveBeenCalledOnce();
  const reason = new Error("stop");
  parent.abort(reason);
  expect(second.signal.reason).toBe(reason);
  expect(first.signal.aborted).toBe(false);
  second.stop();
  expect(new StallWatch(parent.signal).signal.reason).toBe(reason);
});

test("started again, it watches anew, and follows its parent again", () => {
  const parent = new AbortController();
  const [watch, late] = [new StallWatch(parent.signal, { idleMs: 1000 }), new StallWatch(parent.signal, { idleMs: 1000 })];
  vi.advanceTimersByTime(900);
  watch.stop();
  late.stop();
  vi.advanceTimersByTime(100_000);
  watch.start();
  vi.advanceTimersByTime(900);
  expect(watch.signal.aborted).toBe(false);
  const reason = new Error("stop");
  parent.abort(reason);
  expect(watch.signal.reason).toBe(reason);
  expect(late.signal.aborted).toBe(false);
  late.start();
  expect(late.signal.reason).toBe(reason);
});

test("started again, it ends what idles", () => {
  const watch = new StallWatch(undefined, { idleMs: 1000, deadlineMs: 1500 });
  vi.advanceTimersByTime(900);
  watch.stop();
  watch.start();
  vi.advanceTimersByTime(900);
  watch.moved();
  vi.advanceTimersByTime(590);
  expect(watch.signal.aborted).toBe(false);
  vi.advanceTimersByTime(20);
  expect(watch.signal.aborted).toBe(true);
});
