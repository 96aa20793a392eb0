import { upstreamOrSkip, upstreamRestore, Writer } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { KeptSite, levelFiles } from "../src/kept-site.js";
import { byUpstream, byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();

/** Keeps for so long, and on until the replica promises more than so many states, and every level holds more than so many files: a busy machine is slow. */
async function keepUntil(site: KeptSite, writer: Writer, ms: number, than: { readonly states: number; readonly files: number }): Promise<void> {
  do await site.keep(writer, ms);
  while ((await site.promised()).size <= than.states || [1, 2, 9].some((level) => levelFiles(site.replicaPath, level) <= than.files));
}

describe.skipIf(upstream === undefined)("a replica that was kept", () => {
  const binary = upstream ?? "";

  it.each(["worker", "inline"] as const)("restores at every promised point by either, and by time (%s)", { timeout: 120_000 }, async (host) => {
    await using site = new KeptSite(host);
    await using writer = await Writer.start({ path: site.path, seed: 41, workload: "mixed", pageSize: 1024 });
    await writer.step(5);
    await keepUntil(site, writer, 8000, { states: 15, files: 1 });
    expect(site.trouble).toEqual([]);
    expect(levelFiles(site.replicaPath, 0)).toBeLessThan(60);
    const known = [{ name: "kept", replicaPath: site.replicaPath, models: await site.promised() }];
    const ours = await judge(known, site.dir.path, 2, byUs);
    expect(ours.faults).toEqual([]);
    expect(ours.restored).toBeGreaterThan(15);
    expect((await judge(known, site.dir.path, 2, byUpstream(binary))).faults).toEqual([]);
    const newest = site.dir.file("newest.db");
    expect(await upstreamRestore(binary, site.replicaPath, newest)).toMatchObject({ exitCode: 0 });
    const byTime = site.dir.file("time.db");
    const times = (await site.files()).filter((file) => file.level === 1).map((file) => file.createdAt.getTime());
    const middle = new Date(times[Math.floor(times.length * 0.8)] ?? 0);
    expect(await upstreamRestore(binary, site.replicaPath, byTime, { timestamp: new Date(middle.getTime() + 1) })).toMatchObject({ exitCode: 0 });
  });

  it("goes from one to the other and back, three times over, in the middle of being kept", { timeout: 180_000 }, async () => {
    await using site = new KeptSite("worker");
    await using writer = await Writer.start({ path: site.path, seed: 42, workload: "mixed", pageSize: 1024, checkpoints: false });
    await writer.step(3);
    for (let round = 0; round < 3; round++) {
      await site.keep(writer, 3500);
      expect(site.trouble).toEqual([]);
      await site.keepByUpstream(binary, writer, 4500);
    }
    await keepUntil(site, writer, 3000, { states: 10, files: 0 });
    expect(site.trouble).toEqual([]);
    const known = [{ name: "handed over", replicaPath: site.replicaPath, models: await site.promised() }];
    const ours = await judge(known, site.dir.path, 2, byUs);
    expect(ours.faults).toEqual([]);
    expect(ours.restored).toBeGreaterThan(10);
    expect((await judge(known, site.dir.path, 2, byUpstream(binary))).faults).toEqual([]);
  });

  it.each(["shrink", "vacuum", "incremental-vacuum"] as const)("survives %s and one large transaction", { timeout: 120_000 }, async (workload) => {
    await using site = new KeptSite();
    await using writer = await Writer.start({ path: site.path, seed: 43, workload, pageSize: 1024 });
    await writer.step(5);
    await site.keep(writer, 2500);
    // Larger than what one range of a merge holds, and gone again soon.
    await writer.huge(12 << 20);
    await keepUntil(site, writer, 2500, { states: 5, files: 0 });
    expect(site.trouble).toEqual([]);
    const known = [{ name: workload, replicaPath: site.replicaPath, models: await site.promised() }];
    const ours = await judge(known, site.dir.path, 2, byUs);
    expect(ours.faults).toEqual([]);
    expect(ours.restored).toBeGreaterThan(5);
    expect((await judge(known, site.dir.path, 2, byUpstream(binary))).faults).toEqual([]);
  });
});
