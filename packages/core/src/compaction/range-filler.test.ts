import { getEventListeners } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ClientWrapper } from "../../../../testkit/src/client-wrapper.js";
import { MemoryClient } from "../../../../testkit/src/memory-client.js";
import type { LTXFileInfo, LTXFileRef, OpenOptions } from "../replica-client.js";
import { RangeFiller } from "./range-filler.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const file: LTXFileInfo = { level: 0, minTXID: 1n, maxTXID: 1n, size: 8, createdAt: new Date(0) };
const range = { file, offset: 2, size: 4 };
const content = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);

/** Opens files as it is told to, and keeps the signals of the requests. */
class Opening extends ClientWrapper {
  readonly signals: AbortSignal[] = [];
  readonly #open: (signal: AbortSignal, request: number) => Promise<Uint8Array>;

  constructor(open: (signal: AbortSignal, request: number) => Promise<Uint8Array>) {
    super(new MemoryClient());
    this.#open = open;
  }

  override async *openLTXFile(_ref: LTXFileRef, { offset = 0, size = 0, signal }: OpenOptions = {}): AsyncGenerator<Uint8Array> {
    if (signal === undefined) throw new TypeError("no signal");
    this.signals.push(signal);
    yield (await this.#open(signal, this.signals.length)).subarray(offset, offset + size);
  }
}

test("a request that was broken off does not break off the ones behind it", async () => {
  const client = new Opening((signal, request) =>
    request === 2 ? new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))) : Promise.resolve(content),
  );
  const filler = new RangeFiller(client, new AbortController().signal);
  for (let i = 0; i < 3; i++) {
    const buffer = new Uint8Array(4);
    const filled = filler.fill([range], buffer);
    await vi.advanceTimersByTimeAsync(70_000);
    await filled;
    expect([...buffer]).toEqual([2, 3, 4, 5]);
  }
  expect(client.signals.map((signal) => signal.aborted)).toEqual([true, true, false, false]);
  expect(vi.getTimerCount()).toBe(0);
});

test("many requests have few signals, but not one for all; those under way at a time have their own", async () => {
  const client = new Opening(() => Promise.resolve(content));
  const filler = new RangeFiller(client, new AbortController().signal);
  for (let i = 0; i < 150; i++) await filler.fill([range], new Uint8Array(4));
  expect(new Set(client.signals).size).toBe(3);
  client.signals.length = 0;
  await Promise.all(Array.from({ length: 5 }, () => filler.fill([range], new Uint8Array(4))));
  expect(new Set(client.signals).size).toBe(5);
});

/** A client whose requests are answered when `answer` says so. */
function answering(answer: (file: LTXFileRef, signal: AbortSignal) => Promise<void>) {
  const state = { begun: [] as bigint[], running: 0, most: 0 };
  class Answering extends ClientWrapper {
    override async *openLTXFile(ref: LTXFileRef, { size = 0, signal }: OpenOptions = {}): AsyncGenerator<Uint8Array> {
      if (signal === undefined) throw new TypeError("no signal");
      state.begun.push(ref.minTXID);
      state.most = Math.max(state.most, ++state.running);
      try {
        await answer(ref, signal);
        yield new Uint8Array(size).fill(Number(ref.minTXID));
      } finally {
        state.running--;
      }
    }
  }
  return { state, client: new Answering(new MemoryClient()) };
}

const rangesOf = (count: number, first = 1) =>
  Array.from({ length: count }, (_, i) => ({ file: { ...file, minTXID: BigInt(first + i), maxTXID: BigInt(first + i) }, offset: 0, size: 1 + (i % 3) }));

test("ranges that are asked for together lie one behind the other; a few requests at a time serve all that was asked for", async () => {
  vi.useRealTimers();
  const { state, client } = answering(({ minTXID }) => new Promise((resolve) => setTimeout(resolve, Number(minTXID % 4n))));
  const moved = vi.fn();
  const { signal } = new AbortController();
  const filler = new RangeFiller(client, signal, moved);
  const fill = async (count: number, first: number): Promise<void> => {
    const ranges = rangesOf(count, first);
    const expected = ranges.flatMap(({ file: { minTXID }, size }) => new Array<number>(size).fill(Number(minTXID)));
    const buffer = new Uint8Array(expected.length + 1);
    await filler.fill(ranges, buffer);
    expect([...buffer]).toEqual([...expected, 0]);
  };
  await Promise.all([fill(50, 1), fill(1, 51), fill(0, 52), fill(30, 52)]);
  expect([state.most, state.running, state.begun.length, moved.mock.calls.length]).toEqual([16, 0, 81, 81]);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("when one range cannot be had, the others are ended, no other is begun, and nothing is written any more once it is told", async () => {
  const failed = new Error("gone");
  const { state, client } = answering(async ({ minTXID }, signal) => {
    if (minTXID === 3n) throw failed;
    if (minTXID > 2n) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  const filler = new RangeFiller(client, new AbortController().signal);
  const waiting = filler.fill(rangesOf(40), new Uint8Array(100)).catch((error: unknown) => [error, state.running]);
  const behind = filler.fill(rangesOf(40, 41), new Uint8Array(100));
  await expect(behind).rejects.toBe(failed);
  expect(await waiting).toEqual([failed, 0]);
  expect(state.begun.length).toBeLessThanOrEqual(18);
  await expect(filler.fill([range], new Uint8Array(4))).rejects.toBe(failed);
  expect(vi.getTimerCount()).toBe(0);
});

test("an abort ends what is under way and what waits, with its reason, and leaves no listener behind", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const { state, client } = answering((_, signal) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
  const filler = new RangeFiller(client, controller.signal);
  const filling = [filler.fill(rangesOf(20), new Uint8Array(60)), filler.fill(rangesOf(20, 21), new Uint8Array(60))];
  expect(state.running).toBe(16);
  controller.abort(reason);
  for (const one of filling) await expect(one).rejects.toBe(reason);
  expect([state.running, state.begun.length, getEventListeners(controller.signal, "abort").length]).toEqual([0, 16, 0]);
  expect(vi.getTimerCount()).toBe(0);
});
