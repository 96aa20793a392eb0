import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { unlessAborted } from "./unless-aborted.js";

const never = new Promise<never>(() => {});

test("gives what the work gives, or its failure, and leaves no listener", async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(Promise.resolve(1), undefined)).toBe(1);
  expect(await unlessAborted(Promise.resolve(1), signal)).toBe(1);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  const cause = new Error("the work failed");
  await expect(unlessAborted(Promise.reject(cause), signal)).rejects.toBe(cause);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("an abort ends the wait at once with its reason, whatever it is", async () => {
  const controller = new AbortController();
  const waiting = unlessAborted(never, controller.signal);
  const reason = { why: "no error at all" };
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
});

test("with a signal that was aborted before, nothing is waited for, and a failure of the work is nobody's", async () => {
  const reason = new Error("stop");
  await expect(unlessAborted(never, AbortSignal.abort(reason))).rejects.toBe(reason);
  await expect(unlessAborted(Promise.resolve(1), AbortSignal.abort(reason))).rejects.toBe(reason);
  // An unhandled rejection would fail the run.
  await expect(unlessAborted(Promise.reject(new Error("late")), AbortSignal.abort(reason))).rejects.toBe(reason);
});
