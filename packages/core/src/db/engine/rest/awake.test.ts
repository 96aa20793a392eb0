import { expect, test } from "vitest";
import { IdleTime } from "./awake.js";

test("a database that rested for longer than it would have to be idle rests again soon, one that was woken before that takes its time", () => {
  const idle = new IdleTime(60_000);
  expect(idle.ms).toBe(60_000);
  idle.rested(60_001);
  expect(idle.ms).toBe(1000);
  idle.rested(60_000);
  expect(idle.ms).toBe(60_000);
  const hasty = new IdleTime(20);
  hasty.rested(100_000);
  expect(hasty.ms).toBe(20);
  const never = new IdleTime(0);
  never.rested(1);
  expect(never.ms).toBe(0);
});
