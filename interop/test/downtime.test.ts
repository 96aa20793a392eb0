import { type DatabaseModel, modelOfLive, Random, Replicator, tempDir, upstreamOrSkip, Writer } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { DOWNTIMES, homeIn, keepCopy, sufferDowntime } from "../src/crash/downtime.js";
import { judge } from "../src/judge.js";
import { committedIn } from "../src/ledger.js";
import { levelZero } from "../src/replica-files.js";
import { byUpstream, byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();
const CASES = DOWNTIMES.flatMap((downtime) => (["close", "kill"] as const).map((stop) => ({ downtime, stop })));

/** Events as the replicator program passes them on, as far as these tests look at them. */
interface SeenEvent {
  readonly type: string;
  readonly by?: string;
  readonly reason?: string;
  readonly remoteTXID?: bigint;
}

/**
 * What upstream loses rows over (its trees `j-hole-*`), and every other thing that may happen to the files meanwhile:
 * afterwards the newest state at the destination is the database, and every older promise still holds.
 */
describe("what happens while nobody replicates", () => {
  it.each(CASES)("$downtime, after a $stop", { timeout: 60_000 }, async ({ downtime, stop }) => {
    using dir = tempDir("w");
    const home = homeIn(dir.path);
    const models = new Map<bigint, DatabaseModel>();
    {
      // Enough pages that an image stands out, and compressible: reading the destination must be cheaper than an image.
      await using writer = await Writer.start({ path: home.path, seed: 8, workload: "tiny" });
      for (let i = 0; i < 12; i++) await writer.act("bulk");
      await writer.step(10);
      if (downtime.startsWith("old copy")) {
        await using early = new Replicator({ path: home.path, replicaPath: home.replicaPath });
        await early.open();
        await early.syncAndWait();
        await early.close();
        await writer.close();
        keepCopy(home);
      }
    }
    {
      await using writer = await Writer.start({ path: home.path, seed: 9, workload: "tiny" });
      await using replicator = new Replicator({ path: home.path, replicaPath: home.replicaPath });
      await replicator.open();
      for (let i = 0; i < 3; i++) {
        await writer.step(12);
        models.set(await replicator.syncAndWait(), modelOfLive(home.path));
      }
      if (stop === "close") await replicator.close();
      await replicator.kill();
      await writer.kill();
    }
    const acknowledged = committedIn(home.path);
    const before = (await levelZero(home.replicaPath)).at(-1)?.txid ?? 0n;
    await sufferDowntime(home, downtime, new Random(10));

    const events: SeenEvent[] = [];
    const isOldCopy = downtime === "old copy with its meta directory";
    if (isOldCopy) {
      await using refused = new Replicator({ path: home.path, replicaPath: home.replicaPath });
      await expect(refused.open().then(() => refused.syncAndWait())).rejects.toMatchObject({ code: "LS_DESTINATION_AHEAD" });
    }
    await using replicator = new Replicator({
      path: home.path,
      replicaPath: home.replicaPath,
      db: isOldCopy ? { onDestinationAhead: "continue" } : {},
      onEvent: (event) => events.push(event as SeenEvent), // `as`: the product's events
    });
    if (downtime.startsWith("lost database")) {
      expect(await replicator.ensureExists()).toBe("restored");
      expect(committedIn(home.path)).toBe(acknowledged);
    }
    await replicator.open();
    await using writer = await Writer.start({ path: home.path, seed: 11, workload: "tiny" });
    models.set(await replicator.syncAndWait(), modelOfLive(home.path));
    await writer.step(1);
    models.set(await replicator.syncAndWait(), modelOfLive(home.path));
    await replicator.close();

    const fresh = (await levelZero(home.replicaPath)).filter((file) => file.txid > before);
    const reasons = events.filter((event) => event.type === "attached").map((event) => event.reason);
    for (const file of fresh) expect(file.pages / file.commit, `TXID ${file.txid} is an image: ${reasons.join()}`).toBeLessThan(0.5);
    const adopts = downtime === "lost meta directory" || downtime === "old copy alone";
    expect(events.filter((event) => event.type === "adopted").map((event) => event.remoteTXID)).toEqual(adopts ? [before] : []);
    expect(events.some((event) => event.type === "destination-ahead")).toBe(isOldCopy);
    const known = [{ name: downtime, replicaPath: home.replicaPath, models }];
    expect((await judge(known, dir.path, 2, byUs)).faults).toEqual([]);
    if (upstream !== undefined) expect((await judge(known, dir.path, 2, byUpstream(upstream))).faults).toEqual([]);
  });
});
