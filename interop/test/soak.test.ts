import { modelOfLive, Replicator, tempDir, Writer } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { levelZero } from "../src/replica-files.js";
import { byUs } from "../src/restores.js";

/** Events as far as these tests look at them. */
interface SeenEvent {
  readonly type: string;
  readonly by?: string;
  readonly reason?: string;
}

describe("a long stretch beside an application that checkpoints as it likes", () => {
  it.each(["worker", "inline"] as const)("sends what changed and never the whole database again (%s)", { timeout: 60_000 }, async (host) => {
    using dir = tempDir("o");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    await using writer = await Writer.start({ path, seed: 51, workload: "checkpoints" });
    for (let i = 0; i < 10; i++) await writer.act("bulk");
    const events: SeenEvent[] = [];
    await using replicator = new Replicator({
      path,
      replicaPath,
      replica: { syncIntervalMs: 20 },
      db: { host, minCheckpointPages: 10 },
      onEvent: (event) => events.push(event as SeenEvent), // `as`: the product's events
    });
    await replicator.open();
    const first = await replicator.syncAndWait();
    for (let i = 0; i < 60; i++) await writer.step(5);
    const txid = await replicator.syncAndWait();
    const known = [{ name: "soak", replicaPath, models: new Map([[txid, modelOfLive(path)]]) }];
    await replicator.close();
    const files = (await levelZero(replicaPath)).filter((file) => file.txid > first);
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => file.pages >= file.commit - 1)).toEqual([]);
    expect(events.filter((event) => event.type === "continued" && event.by === "image")).toEqual([]);
    expect((await judge(known, dir.path, 1, byUs)).faults).toEqual([]);
  });

  it("[P6] goes on where it was after it has been suspended, although the application wrote and checkpointed meanwhile", { timeout: 60_000 }, async () => {
    using dir = tempDir("o");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    await using writer = await Writer.start({ path, seed: 52, workload: "checkpoints", busyTimeoutMs: 3_000 });
    await writer.step(20);
    const events: SeenEvent[] = [];
    // `as`: the product's events
    await using replicator = new Replicator({ path, replicaPath, replica: { syncIntervalMs: 20 }, onEvent: (event) => events.push(event as SeenEvent) });
    await replicator.open();
    const models = new Map([[await replicator.syncAndWait(), modelOfLive(path)]]);
    for (let i = 0; i < 3; i++) {
      replicator.child.signal("SIGSTOP");
      await writer.step(40);
      replicator.child.signal("SIGCONT");
      models.set(await replicator.syncAndWait(), modelOfLive(path));
    }
    await replicator.close();
    expect(events.filter(({ type }) => ["continued", "detached", "warning", "failed"].includes(type))).toEqual([]);
    expect((await judge([{ name: "suspended", replicaPath, models }], dir.path, 1, byUs)).faults).toEqual([]);
  });
});
