import { expect, test } from "vitest";
import { ClientWrapper } from "../../../testkit/src/client-wrapper.js";
import { MemorySink } from "../../../testkit/src/memory-sink.js";
import { seedOf } from "../../../testkit/src/random.js";
import { MeasuredClient } from "../src/metrics/measured-client.js";
import type { ListOptions, LTXFileInfo, LTXFileRef, OpenOptions, ReplicaClient } from "../src/replica-client.js";
import { isPinned, pinFiles, sharePins } from "../src/restore/pins.js";
import { restoreTo } from "../src/restore/restore-to.js";
import { HOUR, Kept, l0 } from "./kept.js";

const seed = seedOf(Date.now() >>> 0);

interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

function gate(): Gate {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** Reads nothing before it is told to. */
class Gated extends ClientWrapper {
  readonly #gate = gate();
  readonly reading: Gate = gate();
  lists = 0;

  override ltxFiles(level: number, options?: ListOptions): AsyncIterable<LTXFileInfo> {
    if (level === 0) this.lists++;
    return super.ltxFiles(level, options);
  }

  override async *openLTXFile(ref: LTXFileRef, options?: OpenOptions): AsyncGenerator<Uint8Array> {
    this.reading.open();
    await this.#gate.passed;
    yield* super.openLTXFile(ref, options);
  }

  open(): void {
    this.#gate.open();
  }
}

/** A destination with a restore of TXID 20 under way, whose level-0 files are past their time before it has read anything. */
async function restoring(through: (gated: Gated, kept: Kept) => void): Promise<{ kept: Kept; gated: Gated; sink: MemorySink; done: Promise<unknown> }> {
  const kept = new Kept(seed);
  await kept.attach();
  await kept.run(25);
  const gated = new Gated(kept.memory);
  through(gated, kept);
  const sink = new MemorySink();
  const done = restoreTo(gated, sink, { txid: 20n });
  await gated.reading.passed;
  await kept.run(40);
  return { kept, gated, sink, done };
}

test(`[E3] retention in this process leaves what a restore is reading, and takes it afterwards (seed ${seed})`, async () => {
  const { kept, gated, sink, done } = await restoring((client, { store }) => sharePins(client, store));
  await kept.pass(HOUR);
  // TXID 1 is in the snapshot that the restore begins with; what it reads above that stays.
  const left = await kept.names(0);
  for (let txid = 2; txid <= 20; txid++) expect(left.split(" ")).toContain(`${txid}-${txid}`);
  expect(kept.of("keeping-failed")).toEqual([]);
  gated.open();
  await done;
  expect(gated.lists).toBe(1);
  expect(Buffer.from(sink.database ?? []).equals(kept.history.state(20n))).toBe(true);
  await kept.pass(HOUR);
  expect(await kept.names(0)).toBe("65-65");
  await kept.expectSound();
});

test(`a restore elsewhere that loses files lists again, and goes on or says what there is (seed ${seed})`, async () => {
  const { kept, gated, done } = await restoring(() => {});
  const failed = done.catch((error: unknown) => error);
  await kept.pass(HOUR);
  expect(await kept.names(0)).toBe("65-65");
  gated.open();
  // TXID 20 itself is not promised any more: it lies within a file of level 1.
  expect(await failed).toMatchObject({ code: "LS_TX_NOT_AVAILABLE" });
  expect(gated.lists).toBeGreaterThan(1);
  const newest = new Gated(kept.memory);
  const sink = new MemorySink();
  const again = restoreTo(newest, sink);
  await newest.reading.passed;
  await kept.run(65);
  await kept.pass(48 * HOUR);
  newest.open();
  const { txid } = await again;
  expect(Buffer.from(sink.database ?? []).equals(kept.history.state(txid))).toBe(true);
});

test("pins are counted, belong to the destination, and leave nothing behind", () => {
  const named = (destination: string | undefined): ReplicaClient => Object.assign(new ClientWrapper(new Kept(seed).memory), { destination });
  const [a, b, other] = [named("/x"), named("/x"), named("/y")];
  const first = pinFiles(a, [l0(1n), l0(2n)]);
  const second = pinFiles(b, [l0(2n)]);
  first();
  first();
  expect([isPinned(b, l0(1n)), isPinned(a, l0(2n)), isPinned(other, l0(2n))]).toEqual([false, true, false]);
  second();
  expect(isPinned(a, l0(2n))).toBe(false);

  const unnamed = named(undefined);
  const measured = new MeasuredClient(unnamed);
  const release = pinFiles(unnamed, [l0(3n)]);
  expect([isPinned(measured, l0(3n)), isPinned(named(undefined), l0(3n))]).toEqual([true, false]);
  release();
  expect(isPinned(measured, l0(3n))).toBe(false);
});
