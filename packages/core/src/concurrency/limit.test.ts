import { expect, test } from "vitest";
import { Limit } from "./limit.js";

test.each([1, 2, 7])("[C11] of five hundred that are due, %i run at a time, in order, whatever becomes of them", async (count) => {
  const limit = new Limit(count);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const work = async (i: number): Promise<void> => {
    started.push(i);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (i % 5 === 0) throw new Error("this one fails");
  };
  const all = Array.from({ length: 500 }, (_, i) => i);
  await Promise.allSettled(all.map((i) => limit.run(() => work(i))));
  expect([most, running]).toEqual([count, 0]);
  expect(started).toEqual(all);
});
