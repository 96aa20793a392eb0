import { expect, test } from "vitest";
import { inOrder } from "./in-order.js";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("results come in the order of the items, whichever is done first", async () => {
  const results: number[] = [];
  for await (const n of inOrder([5, 1, 4, 2, 3], { count: 3 }, async (n) => sleep(n).then(() => n), undefined)) results.push(n);
  expect(results).toEqual([5, 1, 4, 2, 3]);
});

test.each([1, 2, 7])("at most %i run or wait", async (limit) => {
  let started = 0;
  let taken = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    started++;
    most = Math.max(most, started - taken);
  };
  for await (const _ of inOrder(new Array(20).fill(0), { count: limit }, work, undefined)) {
    taken++;
    await sleep(0);
  }
  expect([started, most]).toEqual([20, limit]);
});

test("many light ones or few heavy ones run at a time, and one that is too heavy alone", async () => {
  const running = new Set<number>();
  const most = new Map<number, number>();
  const work = async (weight: number, signal: AbortSignal): Promise<number> => {
    signal.throwIfAborted();
    const id = running.size + Math.random();
    running.add(id);
    most.set(weight, Math.max(most.get(weight) ?? 0, running.size));
    await sleep(2);
    running.delete(id);
    return weight;
  };
  const weights = [...new Array(12).fill(1), ...new Array(6).fill(4), 100, ...new Array(3).fill(4)];
  const results: number[] = [];
  for await (const weight of inOrder(weights, { count: 6, weight: 8, weigh: (one) => one }, work, undefined)) results.push(weight);
  expect(results).toEqual(weights);
  expect([most.get(1), most.get(100)]).toEqual([6, 1]);
  expect(most.get(4)).toBeLessThanOrEqual(5);
});

test("when the caller stops, what runs is cancelled and waited for", async () => {
  const ended: string[] = [];
  const work = async (n: number, signal: AbortSignal): Promise<number> => {
    if (n === 0) return n;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await sleep(5);
    ended.push(`cancelled ${n}`);
    throw signal.reason;
  };
  for await (const _ of inOrder([0, 1, 2, 3], { count: 3 }, work, undefined)) break;
  expect(ended).toEqual(["cancelled 1", "cancelled 2"]);
});

test("a failure comes in its turn, and ends the rest", async () => {
  const seen: number[] = [];
  let wasCancelled = false;
  const work = async (n: number, signal: AbortSignal): Promise<number> => {
    if (n === 2) throw new Error("two");
    if (n === 3) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      wasCancelled = true;
    }
    return n;
  };
  const all = (async () => {
    for await (const n of inOrder([1, 2, 3], { count: 3 }, work, undefined)) seen.push(n);
  })();
  await expect(all).rejects.toThrow("two");
  expect(seen).toEqual([1]);
  expect(wasCancelled).toBe(true);
});

test("the outer signal's reason reaches the work", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const work = (_: number, signal: AbortSignal): Promise<never> => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  setTimeout(() => controller.abort(reason), 1);
  await expect(inOrder([1, 2], { count: 2 }, work, controller.signal).next()).rejects.toBe(reason);
  await expect(inOrder([1, 2], { count: 2 }, work, controller.signal).next()).rejects.toBe(reason);
});
