import { expect, test } from "vitest";
import { Ending } from "./ending.js";

test("whoever asks before, and whoever asks after the end hears of it, with the first reason", () => {
  const ending = new Ending();
  const before = ending.signal;
  expect([before.aborted, ending.signal]).toEqual([false, before]);
  ending.abort("first");
  ending.abort("second");
  expect([before.aborted, before.reason, ending.signal.reason]).toEqual([true, "first", "first"]);
});

test("one that nobody had asked for is over too", () => {
  const ending = new Ending();
  ending.abort("over");
  expect(ending.signal.reason).toBe("over");
});

test("a signal that nobody listens to any more is given up, and the next one hears of the end", () => {
  const ending = new Ending();
  const given = ending.signal;
  ending.unheard();
  const next = ending.signal;
  ending.abort("over");
  expect([given.aborted, next.reason]).toEqual([false, "over"]);
});
