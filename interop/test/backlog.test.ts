import { type DatabaseModel, modelOfLive, Replicator, type ReplicatorPhase, readPhases, tempDir, upstreamOrSkip, Writer } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { levelZero } from "../src/replica-files.js";
import { byUpstream, byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();
const BACKLOG = 50;
const PHASES: readonly ReplicatorPhase[] = ["upload write", "upload sync", "upload rename", "uploaded"];

describe("a backlog of 50 files", () => {
  it("arrives whole and in order although the replicator is killed at every step of every file", { timeout: 240_000 }, async () => {
    using dir = tempDir("k");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    const settings = { path, replicaPath, replica: { syncIntervalMs: 3_600_000 } };
    await using writer = await Writer.start({ path, seed: 9, workload: "tiny", checkpoints: false });
    const models = new Map<bigint, DatabaseModel>();
    {
      await using stuck = new Replicator({ ...settings, hangUploads: true });
      await stuck.open();
      for (let i = 0; i < BACKLOG; i++) {
        await writer.step(1);
        models.set(await stuck.sync(), modelOfLive(path));
      }
    }
    const deaths = new Map<string, number>();
    const total = Number([...models.keys()].at(-1));
    expect(total).toBeGreaterThanOrEqual(BACKLOG);
    let stored = 0;
    for (let life = 0; stored < total && life < 4 * BACKLOG; life++) {
      const phase = PHASES[life % PHASES.length] ?? "uploaded";
      // A death before the file is visible makes no progress, so the life before it brings one file home first.
      await using replicator = new Replicator({ ...settings, phasePath: dir.file("phase"), killAt: { phase, nth: phase === "uploaded" ? 1 : 2 } });
      await Promise.race([
        replicator.open().then(
          () => replicator.syncAndWait(),
          () => {},
        ),
        replicator.child.exited,
      ]).catch(() => {});
      const signal = replicator.child.running ? undefined : (await replicator.child.exited).signal;
      const files = await levelZero(replicaPath);
      expect(
        files.map((file) => file.txid),
        `after death in "${phase}"`,
      ).toEqual(files.map((_, i) => BigInt(i + 1)));
      expect(files.length, `progress by a life that ended in "${phase}"`).toBeGreaterThan(stored);
      stored = files.length;
      if (signal === "SIGKILL") for (const died of readPhases(dir.file("phase"))) deaths.set(died, (deaths.get(died) ?? 0) + 1);
      dir.remove("phase");
    }
    console.log(`backlog: ${stored} files, deaths ${JSON.stringify(Object.fromEntries(deaths))}`);
    expect(stored).toBe(total);
    for (const phase of PHASES) expect(deaths.get(phase) ?? 0, `deaths in "${phase}"`).toBeGreaterThanOrEqual(5);
    const known = [{ name: "backlog", replicaPath, models }];
    expect((await judge(known, dir.path, 2, byUs)).faults).toEqual([]);
    if (upstream !== undefined) expect((await judge(known, dir.path, 2, byUpstream(upstream))).faults).toEqual([]);
  });
});
