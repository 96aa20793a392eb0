import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ClientWrapper } from "../../../../testkit/src/client-wrapper.js";
import { MemoryClient } from "../../../../testkit/src/memory-client.js";
import type { LTXFileInfo, LTXFileRef, OpenOptions } from "../replica-client.js";
import { RangeFiller } from "./fetch.js";

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
    const filled = filler.fill(range, buffer);
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
  for (let i = 0; i < 150; i++) await filler.fill(range, new Uint8Array(4));
  expect(new Set(client.signals).size).toBe(3);
  client.signals.length = 0;
  await Promise.all(Array.from({ length: 5 }, () => filler.fill(range, new Uint8Array(4))));
  expect(new Set(client.signals).size).toBe(5);
});
