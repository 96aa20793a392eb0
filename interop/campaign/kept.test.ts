import { seedOf, upstreamOrSkip, Writer } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { KeptSite, levelFiles } from "../src/kept-site.js";
import { makeAroundLockPage } from "../src/lock-page.js";
import { byUpstream, byUs } from "../src/restores.js";
import { writeResult } from "../src/results.js";

const upstream = upstreamOrSkip();
const HUGE_BYTES = 300_000_000;
/** Long enough for several snapshots of a large database, and for retention to have its turn. */
const KEEP_MS = 30_000;

describe.skipIf(upstream === undefined)("large databases that are kept", () => {
  const binary = upstream ?? "";

  async function judgeBoth(section: string, site: KeptSite, facts: object): Promise<void> {
    expect(site.trouble).toEqual([]);
    const known = [{ name: section, replicaPath: site.replicaPath, models: await site.promised() }];
    const theirs = await judge(known, site.dir.path, 1, byUpstream(binary));
    const ours = await judge(known, site.dir.path, 1, byUs);
    const levels = Object.fromEntries([0, 1, 2, 9].map((level) => [level, levelFiles(site.replicaPath, level)]));
    const path = await writeResult(section, upstream, {
      ...facts,
      cuts: site.models.size,
      levels,
      txids: ours.restored,
      faultsByUpstream: theirs.faults,
      faultsByUs: ours.faults,
    });
    console.log(`${section}: ${ours.restored} TXIDs; ${path}`);
    expect([...theirs.faults, ...ours.faults]).toEqual([]);
    // How many states lie above the oldest snapshot at the end, and in which level, is a matter of time.
    expect(ours.restored).toBeGreaterThan(0);
    expect(levels[9]).toBeGreaterThan(0);
  }

  it("one transaction of 300 MB, through compaction, snapshots and retention", async () => {
    await using site = new KeptSite("worker");
    const seed = seedOf(300);
    await using writer = await Writer.start({ path: site.path, seed, workload: "tiny" });
    await writer.step(5);
    await site.keep(writer, 3000);
    await writer.huge(HUGE_BYTES);
    await site.keep(writer, KEEP_MS);
    expect(site.events.some((event) => event.type === "retention")).toBe(true);
    await judgeBoth("kept: one transaction of 300 MB", site, { seed, largestTransactionBytes: HUGE_BYTES });
  });

  it.each([65536, 4096])("more than 1 GiB around the lock page, %i byte pages", async (pageSize) => {
    await using site = new KeptSite("worker");
    const seed = seedOf(pageSize);
    makeAroundLockPage(site.path, pageSize);
    await using writer = await Writer.start({ path: site.path, seed, workload: "mixed" });
    await site.keep(writer, KEEP_MS);
    await judgeBoth(`kept: the lock page of ${pageSize} byte pages`, site, { seed, pageSize });
  });
});
