import "@ls/backend-file";
import { pathToFileURL } from "node:url";
import { DB, type DBEvent, fromURL, Replica } from "@ls/core";
import { type DatabaseModel, type Fault, FaultStore, modelOfLive, RequestCounter, tempDir, upstreamOrSkip, Writer, waitFor, withDeadline } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { levelZero } from "../src/replica-files.js";
import { byUpstream, byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();

describe("uploads that go wrong", () => {
  const faults: readonly [string, Fault][] = [
    ["stored, but the answer was an error", { kind: "done-but-error" }],
    ["refused", { kind: "fail" }],
    ["broken after 150 bytes", { kind: "drop", afterBytes: 150 }],
  ];
  it.each(faults)("[H5, M14] %s, at every first attempt: every state arrives once, in order", { timeout: 120_000 }, async (_, fault) => {
    using dir = tempDir("u");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    const store = new FaultStore(fromURL(pathToFileURL(replicaPath).href));
    const tried = new Set<bigint>();
    const hits = store.arm({
      operation: "write",
      fault,
      when: (ref) => {
        const first = ref !== undefined && !tried.has(ref.maxTXID);
        if (ref !== undefined) tried.add(ref.maxTXID);
        return first;
      },
    });
    const counter = new RequestCounter(store);
    await using writer = await Writer.start({ path, seed: 21, workload: "mixed", checkpoints: false });
    await writer.step(1);
    const lost: DBEvent[] = [];
    const onEvent = (event: DBEvent): void => {
      if (["detached", "continued", "failed", "warning"].includes(event.type)) lost.push(event);
    };
    const db = new DB(path, { host: "inline", replica: new Replica(counter, { syncIntervalMs: 50 }), onEvent });
    await db.open();
    const models = new Map<bigint, DatabaseModel>();
    for (let i = 0; i < 6; i++) {
      await writer.step(2);
      const txid = await db.sync();
      models.set(txid, modelOfLive(path));
      await withDeadline("an upload after one failure", 20_000, db.syncAndWait());
    }
    await db.close();
    // A failing upload says nothing against what is on the local disk.
    expect(lost).toEqual([]);
    expect(hits()).toBe(tried.size);
    const files = await levelZero(replicaPath);
    expect(files.map((file) => file.txid)).toEqual(files.map((__, i) => BigInt(i + 1)));
    // A look at what is stored may spare the second attempt, never more than one is needed.
    expect(counter.count("write", 0)).toBeLessThanOrEqual(2 * files.length);
    const known = [{ name: "faults", replicaPath, models }];
    expect((await judge(known, dir.path, 2, byUs)).faults).toEqual([]);
    if (upstream !== undefined) expect((await judge(known, dir.path, 2, byUpstream(upstream))).faults).toEqual([]);
  });

  it("[M7] a hanging destination shows as lag, and close() gives up in time and says what is missing", { timeout: 60_000 }, async () => {
    using dir = tempDir("u");
    const path = dir.file("a.db");
    const store = new FaultStore(fromURL(pathToFileURL(dir.file("replica")).href));
    await using writer = await Writer.start({ path, seed: 2, workload: "tiny" });
    await writer.step(3);
    const db = new DB(path, { host: "inline", shutdownTimeoutMs: 300, replica: new Replica(store, { syncIntervalMs: 20 }) });
    await db.open();
    await db.syncAndWait();
    store.arm({ operation: "write", fault: { kind: "hang" } });
    await writer.step(1);
    const txid = await db.sync();
    expect((await db.syncStatus()).inSync).toBe(false);
    const { lagMs = Number.POSITIVE_INFINITY } = db.status();
    await waitFor("the lag to grow by itself", 5_000, () => (db.status().lagMs ?? 0) > lagMs);
    const start = performance.now();
    await expect(db.close()).rejects.toMatchObject({ code: "LS_NOT_DURABLE", details: { firstMissingTXID: txid } });
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
