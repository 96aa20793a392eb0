import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { StagedFile } from "../src/db/protocol.js";
import { LSError } from "../src/errors.js";
import { Uploader, type UploadFailure } from "../src/replica/uploader.js";
import { Destination, type WriteFault } from "./destination.js";
import { sleep, tempDirectory, until } from "./harness.js";

const unavailable = new LSError("LS_STORAGE_UNAVAILABLE", "down", { retryable: true });
const denied = new LSError("LS_STORAGE_DENIED", "refused");

class Setup {
  readonly directory = tempDirectory();
  readonly destination: Destination;
  readonly uploaded: bigint[] = [];
  readonly failures: UploadFailure[] = [];
  readonly stopped: LSError[] = [];
  recovered = 0;
  readonly uploader: Uploader;

  constructor({ destination = new Destination(), retryBaseMs = 0 }: { destination?: Destination; retryBaseMs?: number } = {}) {
    this.destination = destination;
    this.uploader = new Uploader({
      client: destination,
      retryBaseMs,
      hooks: {
        uploaded: (file) => this.uploaded.push(file.txid),
        failed: (failure) => this.failures.push(failure),
        recovered: () => this.recovered++,
        stopped: (error) => this.stopped.push(error),
      },
      random: () => 0.9,
    });
  }

  staged(txid: bigint, content: Uint8Array = randomBytes(700)): StagedFile {
    const path = join(this.directory.path, `${txid}.ltx`);
    writeFileSync(path, content);
    return { txid, path, size: content.length, timestampMs: 0, oldestCommitMs: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.uploader.stop(new Error("over"));
    this.directory[Symbol.dispose]();
  }
}

let open: Setup[] = [];
function setup(options?: ConstructorParameters<typeof Setup>[0]): Setup {
  const made = new Setup(options);
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const made of open) await made[Symbol.asyncDispose]();
  open = [];
});

describe("Uploader", () => {
  it("collects until it is started, and uploads only what continues the destination, in order", async () => {
    const made = setup();
    const { uploader, destination, uploaded } = made;
    const files = [3n, 4n, 5n].map((txid) => made.staged(txid));
    uploader.enqueue(made.staged(6n));
    await sleep(20);
    expect(destination.log).toEqual([]);
    uploader.start(3n, files);
    await uploader.waitFor(6n);
    expect(uploaded).toEqual([4n, 5n, 6n]);
    expect(destination.log).toEqual(["write 4", "write 5", "write 6"]);
    expect(uploader.status).toMatchObject({ remoteTXID: 6n, pendingFiles: 0, pendingBytes: 0 });
  });

  it("leaves out what a hole separates from the destination, and what a re-used TXID has replaced", async () => {
    const made = setup();
    made.uploader.enqueue(made.staged(4n));
    made.uploader.start(3n, [made.staged(5n), made.staged(6n)]);
    expect(made.uploader.status.pendingFiles).toBe(1);
    expect(made.uploader.pending.first?.txid).toBe(4n);
    await made.uploader.waitFor(4n);
    await made.uploader.pause();
    made.uploader.start(4n, [made.staged(7n)]);
    expect(made.uploader.status).toMatchObject({ pendingFiles: 0, pendingBytes: 0 });
  });

  it("takes its own earlier attempt, whose answer was lost, for a success without sending it again", async () => {
    const made = setup();
    made.destination.faults.push({ kind: "stored-but-error", error: unavailable });
    made.uploader.start(0n, []);
    made.uploader.enqueue(made.staged(1n));
    await made.uploader.waitFor(1n);
    expect(made.destination.log).toEqual(["write 1", "read 1"]);
    expect(made.recovered).toBe(1);
  });

  it.each([
    ["another size", randomBytes(701)],
    ["the same size", randomBytes(700)],
    ["fewer bytes than a trailer", randomBytes(3)],
  ])("stops at a file of another history with %s, and leaves it", async (_, theirs) => {
    const made = setup();
    made.destination.files.set(1n, theirs);
    made.uploader.start(0n, []);
    const waiting = made.uploader.waitFor(2n);
    made.uploader.enqueue(made.staged(1n));
    await expect(waiting).rejects.toMatchObject({ code: "LS_CONFLICT", details: { txid: 1n } });
    made.uploader.enqueue(made.staged(2n));
    await sleep(20);
    expect(made.stopped).toHaveLength(1);
    expect(made.destination.files.get(1n)).toBe(theirs);
    expect(made.destination.files.size).toBe(1);
  });

  it("[A40] looks into the listing first where the service would overwrite", async () => {
    const made = setup({ destination: new Destination({ createOnly: false }) });
    const ours = randomBytes(700);
    made.destination.files.set(1n, ours);
    made.uploader.start(0n, []);
    made.uploader.enqueue(made.staged(1n, ours));
    made.uploader.enqueue(made.staged(2n));
    await made.uploader.waitFor(2n);
    expect(made.destination.log).toEqual(["list 0", "read 1", "list 0", "write 2"]);
    // Somebody else's newer file: ours would come to lie below it.
    made.destination.files.set(4n, randomBytes(10));
    made.uploader.enqueue(made.staged(3n));
    await expect(made.uploader.waitFor(3n)).rejects.toMatchObject({ code: "LS_CONFLICT" });
    expect(made.destination.files.has(3n)).toBe(false);
  });

  it("waits retryable failures out", async () => {
    const made = setup();
    for (let i = 0; i < 4; i++) made.destination.faults.push({ kind: "fail", error: unavailable });
    made.uploader.start(0n, []);
    made.uploader.enqueue(made.staged(1n));
    await until("it is uploaded", () => made.uploaded.length === 1);
    expect(made.failures.map((failure) => failure.failures)).toEqual([1, 2, 3, 4]);
    const waits = made.failures.map((failure) => failure.nextRetryMs - Date.now());
    expect(waits[3]).toBeGreaterThan(waits[0] ?? 0);
  });

  it("tries at once for whoever waits", async () => {
    const made = setup({ retryBaseMs: 3_600_000 });
    for (let i = 0; i < 2; i++) made.destination.faults.push({ kind: "fail", error: unavailable });
    made.uploader.start(0n, []);
    made.uploader.enqueue(made.staged(1n));
    await until("the first failure", () => made.failures.length === 1);
    const first = made.uploader.waitFor(1n);
    await until("the second failure", () => made.failures.length === 2);
    await Promise.all([first, made.uploader.waitFor(1n)]);
  });

  it("rejects whoever waits when credentials are refused, and goes on trying", async () => {
    const made = setup();
    made.destination.faults.push({ kind: "fail", error: denied }, { kind: "fail", error: denied });
    made.uploader.start(0n, []);
    made.uploader.enqueue(made.staged(1n));
    await expect(made.uploader.waitFor(1n)).rejects.toBe(denied);
    expect((made.failures.at(-1)?.nextRetryMs ?? 0) - Date.now()).toBeGreaterThan(1000);
    await expect(made.uploader.waitFor(1n)).rejects.toBe(denied);
    await made.uploader.waitFor(1n);
  });

  it("stops when a staged file is gone", async () => {
    const made = setup();
    const file = made.staged(1n);
    rmSync(file.path);
    made.uploader.start(0n, []);
    made.uploader.enqueue(file);
    expect(await made.uploader.waitFor(1n)).toBe(false);
    expect(made.stopped).toMatchObject([{ code: "LS_LTX_MISSING" }]);
    expect(made.destination.files.size).toBe(0);
  });

  it("[H3] cancels the attempt in flight when it pauses, which is no failure, and finds out later what became of it", async () => {
    const made = setup();
    made.destination.faults.push({ kind: "hang" });
    made.uploader.start(0n, []);
    made.uploader.enqueue(made.staged(1n));
    await until("the attempt", () => made.destination.log.length === 1);
    await made.uploader.pause();
    expect(made.uploader.status).toMatchObject({ pendingFiles: 1, failure: undefined });
    expect(made.failures).toEqual([]);
    made.uploader.resume();
    await made.uploader.waitFor(1n);
    expect(made.destination.log).toEqual(["write 1", "read 1", "write 1"]);
  });

  it("lets waiters go with their own signal, when the position is found anew, and at the end", async () => {
    const made = setup();
    made.uploader.start(0n, []);
    await expect(made.uploader.waitFor(1n, AbortSignal.timeout(10))).rejects.toMatchObject({ name: "TimeoutError" });
    const superseded = made.uploader.waitFor(9n);
    await made.uploader.pause();
    made.uploader.start(5n, []);
    expect(await superseded).toBe(false);
    const stopped = made.uploader.waitFor(9n);
    await Promise.all([expect(stopped).rejects.toThrow("over"), made.uploader.stop(new Error("over"))]);
  });

  it("looks at each file of a long backlog a few times only, also when its status is asked for each time", async () => {
    const made = setup();
    const { path, size } = made.staged(1n);
    const count = 400;
    let looks = 0;
    const look = <T>(value: T): T => {
      looks++;
      return value;
    };
    const backlog = Array.from({ length: count }, (_, i): StagedFile => {
      const txid = BigInt(i + 1);
      return {
        get txid() {
          return look(txid);
        },
        get size() {
          return look(size);
        },
        path,
        timestampMs: 0,
        oldestCommitMs: 0,
      };
    });
    made.uploader.start(0n, backlog);
    for (let i = 1; i <= count; i++) {
      await made.uploader.waitFor(BigInt(i));
      expect(made.uploader.status.pendingBytes).toBe(made.uploader.status.pendingFiles * size);
    }
    expect(looks).toBeLessThan(30 * count);
  });

  it("whatever fails, every file arrives once, in order, and equal", async () => {
    const fault: fc.Arbitrary<WriteFault | undefined> = fc.constantFrom(
      undefined,
      { kind: "fail", error: unavailable },
      { kind: "stored-but-error", error: unavailable },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 12 }), fc.integer({ min: 1, max: 6 }), fc.boolean(), async (faults, count, createOnly) => {
        await using made = new Setup({ destination: new Destination({ createOnly }) });
        const planned = faults.map((f): WriteFault => f ?? { kind: "fail", error: denied });
        made.destination.faults.push(...planned);
        made.uploader.start(0n, []);
        const contents = Array.from({ length: count }, () => randomBytes(64));
        for (const [i, content] of contents.entries()) made.uploader.enqueue(made.staged(BigInt(i + 1), content));
        while (made.uploader.status.remoteTXID < count) {
          made.uploader.kick();
          await sleep(0);
        }
        expect(made.uploaded).toEqual(contents.map((_, i) => BigInt(i + 1)));
        for (const [i, content] of contents.entries()) expect(Buffer.from(made.destination.files.get(BigInt(i + 1)) ?? []).equals(content)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});
