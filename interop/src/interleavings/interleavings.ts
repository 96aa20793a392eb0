import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "@ls/testkit";
import { Interleaving } from "./interleaving.js";
import { Tally, type TallyReport } from "./tally.js";

export interface InterleavingsOptions {
  readonly cases: number;
  readonly random: Random;
  /** Every case has this seed: to repeat one that was named by a fault. */
  readonly caseSeed?: number | undefined;
  readonly directory: string;
  readonly onBatch?: ((line: string) => void) | undefined;
}

export interface InterleavingsReport extends TallyReport {
  readonly cases: number;
  /** Timers and handles of this process that were left after the last case, beyond those before the first. */
  readonly leaked: number;
}

/** Cases at a time: most of a case's time goes into waiting. */
const LANES = 4;
const BATCH = 100;
/** A run with this many faults has made its point. */
const ENOUGH = 20;
/** How long the last timer of a closed database may still be there. */
const LEAVING_MS = 10_000;

/**
 * Calls of an application in random order, most of them begun while others are under way and many of them aborted, beside commits and checkpoints
 * of its own. Each case has a seed of its own, by which a fault names it.
 */
export async function interleavings({ cases, random, caseSeed, directory, onBatch }: InterleavingsOptions): Promise<InterleavingsReport> {
  const tally = new Tally();
  const before = process.getActiveResourcesInfo().length;
  let begun = 0;
  let told = 0;
  const lane = async (until: number): Promise<void> => {
    while (begun < until && tally.report().faults.length < ENOUGH) {
      begun++;
      await oneInterleaving(caseSeed ?? random.uint32(), directory, tally);
    }
  };
  while (begun < cases && tally.report().faults.length < ENOUGH) {
    const until = Math.min(cases, begun + BATCH);
    await Promise.all(Array.from({ length: LANES }, () => lane(until)));
    const { compared, faults } = tally.report();
    onBatch?.([`${begun} cases, ${compared} comparisons, ${faults.length} faults`, ...faults.slice(told)].join("\n"));
    told = faults.length;
  }
  return { cases: begun, ...tally.report(), leaked: await leakedSince(before) };
}

/** One case, in a directory of its own below `directory`. */
async function oneInterleaving(seed: number, directory: string, tally: Tally): Promise<void> {
  const own = mkdtempSync(join(directory, `${seed}-`));
  await new Interleaving(new Random(seed), own, tally).run();
  rmSync(own, { recursive: true, force: true });
}

async function leakedSince(before: number): Promise<number> {
  const end = performance.now() + LEAVING_MS;
  for (;;) {
    const more = process.getActiveResourcesInfo().length - before;
    if (more <= 0 || performance.now() > end) return Math.max(0, more);
    await sleep(50);
  }
}
