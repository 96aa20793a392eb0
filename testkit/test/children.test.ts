import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { LockProbe, lockLines, locksOn } from "../src/locks.js";
import { integrityProblem } from "../src/oracle.js";
import { readPhases } from "../src/phase.js";
import { tempDir } from "../src/tmp.js";
import { WORKLOADS, type WorkloadName } from "../src/workload.js";
import { Writer } from "../src/writer.js";

function ledger(path: string): number[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare("SELECT n FROM ledger ORDER BY n").pluck().all() as number[]; // `as`: an integer column
  } finally {
    db.close();
  }
}

describe("the writer zoo", () => {
  it.each(Object.keys(WORKLOADS) as WorkloadName[])("%s: numbers its commits without a hole and leaves a sound database", async (workload) => {
    // `as`: keys of a constant
    using dir = tempDir();
    const path = dir.file("a.db");
    await using writer = await Writer.start({ path, seed: 3, workload, pageSize: 1024 });
    const { committed, actions } = await writer.step(25);
    expect(actions).toHaveLength(25);
    const rows = ledger(path);
    expect(rows).toEqual(Array.from({ length: committed }, (_, i) => i + 1));
    await writer.close();
    expect(integrityProblem(path)).toBeUndefined();
  });

  it("does the same for the same seed", async () => {
    using dir = tempDir();
    const actions: string[][] = [];
    for (const name of ["a.db", "b.db"]) {
      await using writer = await Writer.start({ path: dir.file(name), seed: 11, workload: "mixed" });
      actions.push((await writer.step(30)).actions);
    }
    expect(actions[0]).toEqual(actions[1]);
  });

  it("runs until paused, and notes an open transaction for a look after its death", async () => {
    using dir = tempDir();
    const path = dir.file("a.db");
    await using writer = await Writer.start({ path, seed: 5, workload: "tiny", phasePath: dir.file("phase") });
    await writer.run();
    const paused = await writer.pause();
    expect(await writer.committed()).toEqual(paused);
    await writer.beginOpen();
    await writer.kill();
    expect(readPhases(dir.file("phase"))).toEqual(["open transaction"]);
    expect(ledger(path)).toHaveLength(paused.committed);
  });
});

describe.skipIf(process.platform !== "linux")("locks", () => {
  it("are seen in the process, and the probe measures how long another process holds them", async () => {
    using dir = tempDir();
    const path = dir.file("a.db");
    await using writer = await Writer.start({ path, seed: 1, workload: "tiny" });
    await writer.step(1);
    await using probe = await LockProbe.start(path);
    await writer.beginOpen();
    expect(locksOn(`${path}-shm`, writer.child.pid).some((lock) => lock.mode === "WRITE" && lock.start === 120)).toBe(true);
    expect(lockLines(path, writer.child.pid).length).toBeGreaterThan(1);
    await new Promise((resolve) => setTimeout(resolve, 150));
    await writer.endOpen(true);
    const result = await probe.stop();
    expect(result.longestMs).toBeGreaterThan(100);
    expect(result.refused).toBe(0);
  });
});
