import { describe, expect, test, vi } from "vitest";
import { seedOf } from "../../../testkit/src/random.js";
import type { KeepingSettings } from "../src/compaction/agenda.js";
import { LSError } from "../src/errors.js";
import { ALL_LEVELS } from "../src/levels.js";
import type { LTXFileRef } from "../src/replica-client.js";
import { DEFAULTS, HOUR, Kept, l0 } from "./kept.js";

const seed = seedOf(Date.now() >>> 0);

const unavailable = new LSError("LS_STORAGE_UNAVAILABLE", "down", { retryable: true });
const denied = new LSError("LS_STORAGE_DENIED", "refused");

describe(`keeping (seed ${seed})`, () => {
  test("levels, snapshot and retention of a minute and a half, byte for byte", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(95);
    expect(await kept.names(9)).toBe("1-1");
    expect(await kept.names(1)).toBe("2-30 31-60 61-90");
    await kept.pass(10 * 60_000);
    expect(await kept.names(1)).toBe("2-30 31-60 61-90 91-95");
    expect(await kept.names(2)).toBe("2-95");
    expect(await kept.names(0)).toBe("95-95");
    expect(kept.merged).toEqual([30n, 60n, 90n, 95n]);
    for (const txid of [1n, 30n, 60n, 90n, 95n]) await kept.expectRestorable(txid);
    await kept.expectSound();
    expect(kept.of("keeping-failed")).toEqual([]);
    expect(kept.keeper.status()).toMatchObject({ failures: 0, isAppendOnly: false, snapshot: { txid: 1n } });
  });

  test("[E15, L2, L4] a destination at rest gets no request, and there is no timer", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(5);
    await kept.pass(60 * HOUR);
    kept.counter.reset();
    expect(kept.clock.timers).toBe(0);
    await kept.pass(30 * 24 * HOUR);
    expect(kept.counter.total).toBe(0);
    expect(kept.keeper.status().nextAt).toBeUndefined();
  });

  test("restarts at any moment change nothing", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    for (let i = 0; i < 20; i++) {
      await kept.run(7);
      await kept.restart();
    }
    await kept.pass(3 * HOUR);
    await kept.expectSound();
    expect(await kept.names(9)).toBe("1-1");
    expect(await kept.names(0)).toBe("140-140");
  });

  test("replication that ends and is back while a merge is still being broken off: the merge is done then", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(25);
    const files = await kept.listAll();
    let brokenOff = 0;
    await kept.clock.advance(10_000, async () => {
      if (kept.keeper.status().doing?.work === "merge") {
        brokenOff++;
        kept.keeper.ended();
        kept.keeper.listed(files);
      }
      await kept.settle();
    });
    expect(brokenOff).toBe(1);
    expect(await kept.names(1)).toBe("2-25");
  });

  test("files that are stored just as the work is over are not overlooked", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(25);
    const files = await Promise.all([26n, 27n].map(async (txid) => ({ txid, bytes: await kept.history.raw(txid) })));
    const set = vi.spyOn(kept.scheduler, "set");
    // The alarm for what comes next is set when the last look has found nothing more to do.
    set.mockImplementation((...args) => {
      set.mockRestore();
      kept.scheduler.set(...args);
      for (const { txid, bytes } of files) {
        kept.memory.put(l0(txid), bytes);
        kept.keeper.stored({ ...l0(txid), size: bytes.length, createdAt: kept.history.timeOf(txid) });
      }
    });
    await kept.pass(40_000);
    expect(await kept.names(1)).toBe("2-25 26-27");
  });

  test("a destination that is down for a while: retries at a pace, one event each, and all is made up for", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(10);
    kept.store.arm({ operation: "write", fault: { kind: "fail", error: unavailable } });
    await kept.run(60);
    await kept.pass(HOUR);
    const failures = kept.of("keeping-failed");
    expect(failures.length).toBeGreaterThan(8);
    expect(failures.length).toBeLessThan(40);
    expect(failures.at(-1)).toMatchObject({ work: "merge", failures: failures.length, error: { code: "LS_STORAGE_UNAVAILABLE" } });
    expect(kept.keeper.status()).toMatchObject({ failures: failures.length, lastError: { code: "LS_STORAGE_UNAVAILABLE" } });
    kept.store.heal();
    await kept.pass(HOUR);
    expect(kept.of("keeping-recovered")).toMatchObject([{ failures: failures.length }]);
    expect(kept.keeper.status().lastError).toBeUndefined();
    await kept.expectSound();
    expect(await kept.names(1)).toBe("2-70");
  });

  test("[D5] a damaged file is named once and not tried again", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(20);
    const bytes = kept.memory.peek(l0(15n))?.slice() ?? new Uint8Array(0);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    kept.memory.put(l0(15n), bytes);
    await kept.run(60);
    expect(kept.of("damaged-file")).toMatchObject([{ level: 0, minTXID: 15n, maxTXID: 15n }]);
    expect(await kept.names(1)).toBe("2-14");
    const reads = kept.counter.count("open");
    await kept.pass(24 * HOUR);
    // Nothing above it can be merged without the database; asking for that is repeated, reading the file is not.
    expect(kept.counter.count("open") - reads).toBeLessThan(10);
    expect(kept.of("damaged-file")).toHaveLength(1);
    expect(kept.of("keeping-failed").at(-1)).toMatchObject({ work: "snapshot", error: { code: "LS_LTX_CORRUPTED" } });
    // What is damaged stays, and so does everything that leads around it.
    expect(await kept.names(0)).toContain("15-15");
  });

  test("a damaged file is healed by a snapshot from the database, and levels go on above it", async () => {
    const kept = new Kept(seed);
    kept.readsDatabase = true;
    await kept.attach();
    await kept.run(20);
    const bytes = kept.memory.peek(l0(15n))?.slice() ?? new Uint8Array(0);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    kept.memory.put(l0(15n), bytes);
    await kept.run(60);
    expect(kept.of("damaged-file")).toHaveLength(1);
    expect(kept.of("snapshot").map((event) => event.txid)).toEqual([1n, 30n]);
    expect(await kept.names(1)).toBe("2-14 31-60");
    expect(kept.of("keeping-failed")).toEqual([]);
    for (const txid of [14n, 30n, 31n, 80n]) await kept.expectRestorable(txid);
  });

  test("[D23] files that another one deleted: a new listing, then on", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(125);
    await kept.memory.deleteLTXFiles([{ level: 1, minTXID: 2n, maxTXID: 30n }]);
    kept.memory.put({ level: 2, minTXID: 2n, maxTXID: 30n }, await kept.history.merged(2n, 30n));
    await kept.pass(10 * 60_000);
    expect(kept.of("relisted")).toHaveLength(1);
    expect(await kept.names(2)).toBe("2-30 31-125");
    await kept.expectSound();
  });

  test("a newer level-0 file in a new listing is not merged before it is known to be ours", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(29);
    kept.memory.put({ level: 1, minTXID: 2n, maxTXID: 29n }, await kept.history.merged(2n, 29n));
    kept.memory.put(l0(30n), await kept.history.raw(30n));
    await kept.pass(60_000);
    expect(kept.of("relisted")).toHaveLength(1);
    expect(kept.keeper.status().levels?.[0]).toMatchObject({ level: 0, maxTXID: 29n });
    expect(await kept.names(1)).toBe("2-29");
    await kept.memory.deleteLTXFiles([l0(30n)]);
    await kept.run(60);
    expect(await kept.names(1)).toMatch(/^2-29 30-/);
    await kept.expectSound();
  });

  test("another one wrote the same file: taken as it is", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(29);
    kept.memory.put({ level: 1, minTXID: 2n, maxTXID: 30n }, await kept.history.merged(2n, 30n));
    await kept.run(2);
    expect(kept.of("relisted")).toMatchObject([{ reason: "the result is there already" }]);
    await kept.run(40);
    expect(await kept.names(1)).toBe("2-30 31-60");
    expect(kept.of("keeping-failed")).toEqual([]);
    await kept.expectSound();
  });

  test("a listing that does not show what the service refuses as existing: a failure at a pace, no endless loop", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(29);
    await kept.store.rememberListings(ALL_LEVELS);
    kept.memory.put({ level: 1, minTXID: 2n, maxTXID: 30n }, await kept.history.merged(2n, 30n));
    kept.store.arm({ operation: "list", fault: { kind: "stale" } });
    kept.counter.reset();
    await kept.run(20);
    expect(kept.of("keeping-failed").length).toBeGreaterThan(0);
    expect(kept.counter.count("list") + kept.counter.count("write")).toBeLessThan(100);
    kept.store.heal();
    await kept.run(60);
    // What the listing hid may be there twice, which harms nothing.
    await kept.expectRestorable(kept.uploaded);
  });

  test("[E6] per-key failures of a deletion surface, and what is still there is tried again", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(60);
    kept.store.arm({ operation: "delete", fault: { kind: "keep", refuse: (ref) => ref.maxTXID === 3n }, times: 3 });
    await kept.pass(10 * 60_000);
    expect(kept.of("keeping-failed")).toMatchObject([{ work: "retention", failures: 1 }, { failures: 2 }]);
    expect(kept.of("keeping-failed")[0]?.error.message).toContain("1 files could not be deleted");
    await kept.pass(10 * 60_000);
    expect(await kept.names(0)).toBe("60-60");
    expect(kept.of("keeping-recovered")).toMatchObject([{ failures: 2 }]);
  });

  test("[E14] an append-only destination is said to be one, once, and everything else goes on", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    const hits = kept.store.arm({ operation: "delete", fault: { kind: "fail", error: denied } });
    await kept.run(60);
    await kept.pass(24 * HOUR);
    expect(kept.of("append-only")).toHaveLength(1);
    expect(kept.of("keeping-failed")).toEqual([]);
    expect(hits()).toBeLessThan(30);
    expect(kept.keeper.status().isAppendOnly).toBe(true);
    expect(await kept.names(1)).toBe("2-30 31-60");
    await kept.expectSound();
  });

  test("[E7] a service that says deleted, and is not: told", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    kept.store.arm({ operation: "delete", fault: { kind: "lie" } });
    await kept.run(60);
    await kept.pass(10 * 60_000);
    expect(kept.of("retention-ineffective").length).toBeGreaterThan(0);
    expect(await kept.names(0)).toContain("1-1 2-2");
    kept.store.heal();
    await kept.pass(5 * HOUR);
    expect(await kept.names(0)).toBe("60-60");
    await kept.expectSound();
  });

  test("[E13] an error while listing deletes nothing", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(60);
    kept.store.arm({ operation: "list", fault: { kind: "fail", error: unavailable } });
    kept.store.arm({ operation: "delete", fault: { kind: "keep", refuse: () => true }, times: 1 });
    await kept.pass(6 * 60_000);
    const known = kept.keeper.status().levels ?? [];
    expect(known.length).toBeGreaterThan(2);
    for (const { level, files } of known) expect([level, files]).toEqual([level, (await kept.list(level)).length]);
    expect(kept.of("keeping-failed")).toMatchObject([{ work: "retention", error: { code: "LS_STORAGE_UNAVAILABLE" } }]);
    kept.store.heal();
    await kept.pass(HOUR);
    await kept.expectSound();
  }, 60_000);

  test("[L5] a snapshot at most once per interval, and with an interval of 0 none, however much is committed", async () => {
    for (const [snapshotIntervalMs, expected] of [
      [60_000, 4],
      [0, 0],
    ] as const) {
      const kept = new Kept(seed, { settings: { ...DEFAULTS, snapshotIntervalMs } });
      await kept.attach();
      await kept.run(200);
      expect(kept.of("snapshot")).toHaveLength(expected);
    }
  });

  test("[D6] ended in the middle of a merge: nothing is visible, and a new listing goes on", async () => {
    const kept = new Kept(seed);
    await kept.attach();
    await kept.run(29);
    kept.store.arm({ operation: "open", fault: { kind: "hang" } });
    await kept.cut();
    kept.clock.set(kept.clock.now() + 1000);
    kept.keeper.due();
    await new Promise((resolve) => setImmediate(resolve));
    expect(kept.keeper.status().doing).toMatchObject({ work: "merge" });
    await kept.keeper.stop();
    expect(kept.keeper.status()).toMatchObject({ doing: undefined, levels: undefined });
    expect(await kept.names(1)).toBe("");
    expect(kept.of("keeping-failed")).toEqual([]);
    kept.store.heal();
    await kept.attach();
    expect(await kept.names(1)).toBe("2-30");
    await kept.keeper.stop();
    expect(kept.clock.timers).toBe(0);
  });

  test.each<[string, (file: LTXFileRef) => boolean, Partial<KeepingSettings>]>([
    ["the snapshots", ({ level }) => level === 9, {}],
    ["everything", () => true, {}],
    ["one file where there are neither snapshots nor levels", ({ maxTXID }) => maxTXID === 5n, { snapshotIntervalMs: 0, levels: [] }],
  ])("[C9] a lifecycle rule of the service took %s of an idle database: it is told, and stored again from the database", async (_, isLost, given) => {
    const settings = { ...DEFAULTS, snapshotRetentionMs: 0, ...given };
    const kept = new Kept(seed, { settings, verifyIntervalMs: 24 * HOUR });
    kept.readsDatabase = true;
    await kept.attach();
    await kept.run(20);
    await kept.pass(30 * 24 * HOUR);
    const snapshots = kept.of("snapshot").length;
    await kept.memory.deleteLTXFiles((await kept.listAll()).filter(isLost));
    await kept.pass(24 * HOUR);
    expect(kept.of("verified").at(-1)?.issues.at(-1)).toMatchObject({ type: "not-restorable", txid: 20n });
    expect(kept.of("snapshot").slice(snapshots)).toMatchObject([{ txid: 20n }]);
    await kept.expectRestorable(20n);
    await kept.pass(30 * 24 * HOUR);
    expect(kept.of("verified").at(-1)?.issues).toEqual([]);
    expect(kept.of("snapshot")).toHaveLength(snapshots + 1);
    await kept.run(5);
    await kept.pass(HOUR);
    await kept.expectRestorable(25n);
    expect(kept.of("keeping-failed")).toEqual([]);
  });

  test("levels are verified when asked, and on schedule", async () => {
    const kept = new Kept(seed, { verifyIntervalMs: HOUR });
    await kept.attach();
    await kept.run(10);
    await kept.pass(HOUR);
    expect(kept.of("verified")).toMatchObject([{ issues: [] }]);
    await kept.memory.deleteLTXFiles([{ level: 1, minTXID: 2n, maxTXID: 10n }]);
    await kept.pass(HOUR);
    expect(kept.of("verified")[1]?.issues).toMatchObject([{ type: "not-restorable", txid: 10n }]);
    const { signal } = new AbortController();
    expect(await kept.keeper.verify(signal)).toMatchObject([{ type: "not-restorable" }]);
    // Nobody replicates any more: it is told all the same, and nothing is done.
    await kept.keeper.stop();
    expect(await kept.keeper.verify(signal)).toMatchObject([{ type: "not-restorable" }]);
    expect(kept.keeper.status().levels).toBeUndefined();
  });
});
