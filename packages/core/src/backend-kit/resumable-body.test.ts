import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isLSError, LSError } from "../errors.js";
import { type BodyRange, type OpenedBody, type ResumableBodyOptions, resumableBody } from "./resumable-body.js";

const CONTENT = Uint8Array.from({ length: 5000 }, (_, i) => (i * 31) % 251);

/** A service that holds {@link CONTENT}; each request gives so many bytes at most, and breaks off then. */
class Service {
  readonly asked: BodyRange[] = [];
  released = 0;
  version = "1";
  announces = true;

  constructor(readonly cutAfter: (request: number) => number = () => Number.POSITIVE_INFINITY) {}

  open = async (range: BodyRange): Promise<OpenedBody | undefined> => {
    this.asked.push(range);
    if (range.offset >= CONTENT.length) return undefined;
    const bytes = CONTENT.subarray(range.offset, range.size === undefined ? undefined : range.offset + range.size);
    const limit = this.cutAfter(this.asked.length);
    return {
      length: this.announces ? bytes.length : undefined,
      version: this.version,
      release: () => this.released++,
      chunks: (async function* () {
        for (let at = 0; at < bytes.length; at += 700) {
          if (at >= limit) throw new Error("connection reset");
          yield bytes.subarray(at, Math.min(at + 700, limit));
        }
      })(),
    };
  };
}

function read(service: Service, options: Partial<ResumableBodyOptions> = {}): AsyncGenerator<Uint8Array> {
  return resumableBody({
    offset: 0,
    size: undefined,
    open: service.open,
    failure: (cause) => new LSError("LS_STORAGE_UNAVAILABLE", "broken", { cause, retryable: true }),
    retry: { firstWaitMs: 1 },
    ...options,
  });
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

test("any range, however often it is cut, has each byte once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(6000),
      fc.option(fc.integer({ min: 1, max: 6000 }), { nil: undefined }),
      fc.integer({ min: 701, max: 5000 }),
      async (offset, size, cut) => {
        const service = new Service((request) => (request % 2 === 1 ? cut : Number.POSITIVE_INFINITY));
        const expected = CONTENT.subarray(offset, size === undefined ? undefined : offset + size);
        expect(await bytesOf(read(service, { offset, size }))).toEqual(Uint8Array.from(expected));
      },
    ),
    { numRuns: 60 },
  );
});

test("a request that breaks off goes on at the byte reached", async () => {
  const service = new Service((request) => (request < 3 ? 1400 : Number.POSITIVE_INFINITY));
  await bytesOf(read(service, { offset: 100, size: 4000 }));
  expect(service.asked).toEqual([
    { offset: 100, size: 4000 },
    { offset: 1500, size: 2600 },
    { offset: 2900, size: 1200 },
  ]);
  expect(service.released).toBe(2);
});

test("[F9] an end before what was announced is no end", async () => {
  const service = new Service();
  let first = true;
  const open = async (range: BodyRange): Promise<OpenedBody | undefined> => {
    const body = await service.open(range);
    if (!first || body === undefined) return body;
    first = false;
    return {
      ...body,
      chunks: (async function* () {
        yield CONTENT.subarray(0, 10);
      })(),
    };
  };
  expect((await bytesOf(read(service, { open }))).length).toBe(CONTENT.length);
});

test("failing without getting on ends after a bounded number of attempts", async () => {
  const service = new Service(() => 0);
  const error = await bytesOf(read(service)).catch((thrown: unknown) => thrown);
  expect(isLSError(error, "LS_STORAGE_UNAVAILABLE")).toBe(true);
  expect(service.asked).toHaveLength(6);
});

test("progress refills the budget: thirty cuts in a row are survived", async () => {
  const large = new Uint8Array(30 * 300_000);
  let requests = 0;
  const open = async ({ offset }: BodyRange): Promise<OpenedBody> => {
    requests++;
    const bytes = large.subarray(offset);
    return {
      length: bytes.length,
      version: undefined,
      release: () => {},
      chunks: (async function* () {
        yield bytes.subarray(0, 300_000);
        throw new Error("reset");
      })(),
    };
  };
  let length = 0;
  for await (const chunk of read(new Service(), { open })) length += chunk.length;
  expect([length, requests]).toEqual([large.length, 30]);
});

test("it goes on in nothing else", async () => {
  const service = new Service((request) => (request === 1 ? 700 : Number.POSITIVE_INFINITY));
  const iterator = read(service);
  await iterator.next();
  service.version = "2";
  const error = await iterator.next().catch((thrown: unknown) => thrown);
  expect(isLSError(error) && !error.retryable).toBe(true);
  expect(service.asked).toHaveLength(2);
  expect(service.released).toBe(2);
});

test("what cannot pass is not repeated", async () => {
  const service = new Service(() => 700);
  const failure = (): LSError => new LSError("LS_STORAGE_DENIED", "no");
  await expect(bytesOf(read(service, { failure }))).rejects.toMatchObject({ code: "LS_STORAGE_DENIED" });
  expect(service.asked).toHaveLength(1);
});

test("nothing is opened before it is asked for, and leaving early releases", async () => {
  const service = new Service();
  const unused = read(service);
  await unused.return(undefined);
  expect(service.asked).toEqual([]);
  for await (const _ of read(service)) break;
  expect(service.released).toBe(1);
});

test("a body without a length ends where it ends", async () => {
  const service = new Service();
  service.announces = false;
  expect((await bytesOf(read(service, { offset: 4000 }))).length).toBe(1000);
  expect((await bytesOf(read(service, { offset: 4000, size: 50 }))).length).toBe(50);
});

describe("time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("a body that stalls is asked for again, and the caller's own time does not count", async () => {
    const service = new Service();
    let requests = 0;
    const open = async (range: BodyRange): Promise<OpenedBody | undefined> => {
      const body = await service.open(range);
      if (++requests > 1 || body === undefined) return body;
      return {
        ...body,
        chunks: (async function* () {
          yield CONTENT.subarray(0, 10);
          await new Promise(() => {});
        })(),
      };
    };
    const iterator = read(service, { open, idleMs: 1000 });
    expect((await iterator.next()).value).toHaveLength(10);
    await vi.advanceTimersByTimeAsync(60_000);
    const next = iterator.next();
    await vi.advanceTimersByTimeAsync(900);
    expect(requests).toBe(1);
    await vi.advanceTimersByTimeAsync(1200);
    expect((await next).value).toEqual(Uint8Array.from(CONTENT.subarray(10, 710)));
    expect(service.asked[1]).toEqual({ offset: 10, size: undefined });
  });

  test("an abort ends it at once with its reason, also while nothing comes", async () => {
    const service = new Service();
    const controller = new AbortController();
    const open = async (range: BodyRange): Promise<OpenedBody | undefined> => {
      const body = await service.open(range);
      return body === undefined ? undefined : { ...body, chunks: { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) } };
    };
    const pending = bytesOf(read(service, { open, signal: controller.signal })).catch((thrown: unknown) => thrown);
    await vi.advanceTimersByTimeAsync(10);
    const reason = new Error("stop");
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(service.released).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
