import "@ls/backend-file";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { restore } from "@ls/core/restore";
import { type DatabaseModel, firstDifference, modelOfLive, Replicator, tempDir, upstreamOrSkip, upstreamRestore, Writer } from "@ls/testkit";
import { describe, expect, it } from "vitest";

const upstream = upstreamOrSkip();

describe.skipIf(upstream === undefined)("a moment in time", () => {
  it("between two of our cuts gives the earlier one, by us and by upstream", { timeout: 60_000 }, async () => {
    using dir = tempDir("t");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    await using writer = await Writer.start({ path, seed: 6, workload: "mixed" });
    await using replicator = new Replicator({ path, replicaPath, replica: { syncIntervalMs: 3_600_000 } });
    await writer.step(2);
    await replicator.open();
    const cuts: { readonly model: DatabaseModel; readonly after: Date }[] = [];
    for (let i = 0; i < 8; i++) {
      await writer.step(2);
      await replicator.sync();
      const model = modelOfLive(path);
      await sleep(15);
      cuts.push({ model, after: new Date() });
      await sleep(15);
    }
    await replicator.syncAndWait();
    await replicator.close();
    for (const [i, { model, after }] of cuts.entries()) {
      const ours = dir.file(`ours-${i}.db`);
      await restore(pathToFileURL(replicaPath).href, { outputPath: ours, timestamp: after, integrityCheck: "none" });
      expect(firstDifference(ours, model), `we at cut ${i}`).toBeUndefined();
      // Upstream refuses any moment after its newest file, so it cannot be asked for the last one.
      if (i === cuts.length - 1) continue;
      const theirs = dir.file(`theirs-${i}.db`);
      expect(await upstreamRestore(upstream ?? "", replicaPath, theirs, { timestamp: after })).toMatchObject({ exitCode: 0 });
      expect(firstDifference(theirs, model), `upstream at cut ${i}`).toBeUndefined();
    }
  });
});
