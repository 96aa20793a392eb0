import { modelOfLive, upstreamOrSkip, Writer } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { KeptSite, levelFiles } from "../src/kept-site.js";
import { makeAroundLockPage } from "../src/lock-page.js";
import { byUpstream, byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();
const LEVELS = [
  { level: 1, intervalMs: 300 },
  { level: 2, intervalMs: 1000 },
];

describe.skipIf(upstream === undefined)("a database of more than 1 GiB", () => {
  it("[A30] is kept around its lock page, and restored by either side", { timeout: 240_000 }, async () => {
    await using site = new KeptSite("worker");
    makeAroundLockPage(site.path, 65536);
    await using writer = await Writer.start({ path: site.path, seed: 65, workload: "mixed" });
    const { db, store: opened } = await site.open({ levels: LEVELS, l0RetentionMs: 500 });
    await using store = opened;
    const isKept = (): boolean =>
      [1, 2, 9].every((level) => levelFiles(site.replicaPath, level) > 0) && site.events.some((event) => event.type === "retention" && event.files > 0);
    let txid = await db.syncAndWait();
    while (!isKept()) {
      await writer.step(2);
      txid = await db.syncAndWait();
    }
    await store.close();
    expect(site.trouble).toEqual([]);
    const known = [{ name: "lock page", replicaPath: site.replicaPath, models: new Map([[txid, modelOfLive(site.path)]]) }];
    expect(await judge(known, site.dir.path, 1, byUs)).toEqual({ restored: 1, faults: [] });
    expect(await judge(known, site.dir.path, 1, byUpstream(upstream ?? ""))).toEqual({ restored: 1, faults: [] });
  });
});
