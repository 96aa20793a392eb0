import { expect, test } from "vitest";
import { Random, seedOf } from "../../../testkit/src/random.js";
import { LSError } from "../src/errors.js";
import { SNAPSHOT_LEVEL } from "../src/levels.js";
import { DEFAULTS, HOUR, Kept } from "./kept.js";
import { promisedEnds, type WrittenEnd } from "./promises.js";

const DAY = 24 * HOUR;

/**
 * A month of a real keeper on a clock that is moved by hand: busy hours, idle days, a process that dies at any moment, a destination that fails.
 * Every day a sample of what is promised is restored and compared byte by byte.
 */
test("a simulated month: what is promised restores, bytes and requests stay within bounds", async () => {
  const seed = seedOf(Date.now() >>> 0);
  const random = new Random(seed);
  const kept = new Kept(seed, { transactions: 3000, maxPages: 30 });
  const ends: WrittenEnd[] = [];
  let seen = 0;
  const note = (): void => {
    for (const event of kept.events.slice(seen)) {
      const atMs = kept.clock.now();
      if (event.type === "compacted") ends.push({ level: event.level, txid: event.maxTXID, atMs: kept.history.timeOf(event.maxTXID).getTime() });
      if (event.type === "snapshot") ends.push({ level: SNAPSHOT_LEVEL, txid: event.txid, atMs });
    }
    seen = kept.events.length;
  };
  const pass = async (ms: number): Promise<void> => {
    await kept.clock.advance(ms, async () => {
      await kept.settle();
      note();
    });
  };
  await kept.attach();
  let mostStored = 0;
  let restored = 0;
  let largest = 0;
  for (let day = 0; day < 30; day++) {
    const isBusy = !random.chance(0.3);
    for (let hour = 0; hour < 24; hour++) {
      const cuts = isBusy && random.chance(0.4) ? random.int(0, 25) : 0;
      const pause = cuts === 0 ? HOUR : HOUR / cuts;
      for (let i = 0; i < Math.max(cuts, 1); i++) {
        if (cuts > 0 && kept.uploaded < kept.history.newest) {
          await kept.cut();
          note();
          ends.push({ level: 0, txid: kept.uploaded, atMs: kept.clock.now() });
          largest = Math.max(largest, kept.history.state(kept.uploaded).length);
        }
        await pass(random.chance(0.3) ? random.int(0, pause) : pause);
      }
      if (random.chance(0.05)) await kept.restart();
      if (random.chance(0.05)) {
        const operation = random.pick(["write", "open", "delete", "list"] as const);
        kept.store.arm({ operation, fault: { kind: "fail", error: new LSError("LS_STORAGE_DENIED", "for a while") }, times: random.int(1, 20) });
      }
      note();
    }
    kept.store.heal();
    await pass(random.int(0, 5 * 60_000));
    const promised = promisedEnds(ends, kept.uploaded, DEFAULTS, kept.clock.now());
    const sample = [...promised.keys()];
    const chosen = new Set([kept.uploaded, ...Array.from({ length: Math.min(8, sample.length) }, () => random.pick(sample))]);
    for (const txid of chosen) {
      if (txid === 0n) continue;
      await kept.expectRestorable(txid).catch((error: unknown) => {
        throw new Error(`seed ${seed}, day ${day}: TXID ${txid}, ${promised.get(txid)}`, { cause: error });
      });
      restored++;
    }
    const files = await kept.listAll();
    mostStored = Math.max(
      mostStored,
      files.reduce((sum, file) => sum + file.size, 0),
    );
  }
  await pass(3 * DAY);
  await kept.expectSound();
  expect(kept.keeper.status().nextAt, `seed ${seed}`).toBeUndefined();
  expect(await kept.names(0)).toBe(`${kept.uploaded}-${kept.uploaded}`);
  expect(restored).toBeGreaterThan(100);
  expect(kept.of("damaged-file")).toEqual([]);
  // A day of this workload changes every page many times over: two days at four levels, and the snapshots.
  const cuts = Number(kept.uploaded);
  expect(mostStored, `seed ${seed}`).toBeLessThan(largest * 200);
  // The cut itself is no request of the keeper's. Reading inputs dominates: each file is read once per level it goes up, and for snapshots.
  expect(kept.counter.total, `seed ${seed}`).toBeLessThan(cuts * 6 + 31 * 400);
}, 120_000);
