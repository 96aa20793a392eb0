import { encodeLTXHeader, LTX_TRAILER_SIZE } from "@ls/ltx";
import { describe, expect, test } from "vitest";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { type Random, seedOf, withSeed } from "../../../testkit/src/random.js";
import { RequestCounter } from "../../../testkit/src/request-counter.js";
import type { LTXFileInfo } from "../src/replica-client.js";
import { FileTimes } from "../src/restore/file-times.js";
import { listReplica } from "../src/restore/list-all.js";
import { type PlanResult, planRestore, type RestoreTarget } from "../src/restore/plan.js";
import { DAY, files, name } from "./ltx-files.js";

/** As a service that lists only when a file was uploaded: these, today. */
function uploaded(list: readonly LTXFileInfo[]): { client: RequestCounter; exact: readonly LTXFileInfo[] } {
  const memory = new MemoryClient({ listsStorageTime: true });
  for (const file of list) {
    const { minTXID, maxTXID, createdAt } = file;
    const header = encodeLTXHeader({ pageSize: 4096, commit: 1, minTXID, maxTXID, timestampMs: createdAt.getTime() });
    const bytes = new Uint8Array(header.length + LTX_TRAILER_SIZE);
    bytes.set(header);
    memory.put(file, bytes);
  }
  return { client: new RequestCounter(memory), exact: list.map((file) => ({ ...file, size: 116 })) };
}

async function timesOf(client: RequestCounter, timestampMs: number): Promise<FileTimes> {
  const listing = await listReplica(client, { accurateTimestamps: false, inOrder: true, signal: undefined });
  const times = new FileTimes(client, listing.files, undefined);
  await times.search(timestampMs);
  return times;
}

function shown(result: PlanResult): unknown {
  if ("failure" in result) return result.failure.reason;
  return { txid: result.plan.txid, files: result.plan.files.map(name) };
}

const at = (timestampMs: number): RestoreTarget => ({ kind: "timestamp", timestampMs });

/** A replica over some transactions: levels that nest, snapshots with the time they were made at, and files that got lost. */
function randomReplica(random: Random): LTXFileInfo[] {
  const count = random.int(1, 300);
  const seconds: number[] = [0];
  for (let txid = 1; txid <= count; txid++) seconds.push((seconds.at(-1) ?? 0) + random.int(0, 3));
  const texts: string[] = [];
  for (let txid = 1; txid <= count; txid++) if (random.chance(0.8)) texts.push(`0/${txid}-${txid}@${seconds[txid]}`);
  for (const [level, width] of [
    [1, 7],
    [2, 49],
  ] as const)
    for (let min = 1; min + width - 1 <= count; min += width)
      if (random.chance(0.9)) texts.push(`${level}/${min}-${min + width - 1}@${seconds[min + width - 1]}`);
  let made = 0;
  for (let txid = 1; txid <= count; txid += random.int(1, 40)) {
    made = Math.max(made, seconds[txid] ?? 0) + random.int(0, 20);
    texts.push(`9/1-${txid}@${made}`);
  }
  return files(...texts);
}

describe("the times of files that are not listed with them", () => {
  test("the same plan as with every time, at any moment", { timeout: 60_000 }, () =>
    withSeed(seedOf(Date.now() >>> 0), async (random) => {
      for (let round = 0; round < 60; round++) {
        const { client, exact } = uploaded(randomReplica(random));
        const timestampMs = DAY + random.int(-5, 500) * 1000;
        const times = await timesOf(client, timestampMs);
        expect(shown(planRestore(times.files, at(timestampMs)))).toEqual(shown(planRestore(exact, at(timestampMs))));
      }
    }),
  );

  test("[F5] fifty thousand files cost a hundred headers", { timeout: 60_000 }, async () => {
    const { client } = uploaded(files("9/1-1@0", ...Array.from({ length: 50_000 }, (_, i) => `0/${i + 1}-${i + 1}`)));
    const times = await timesOf(client, DAY + 31_234_500);
    const result = planRestore(times.files, at(DAY + 31_234_500));
    expect("plan" in result && result.plan.txid).toBe(31_234n);
    expect(client.count("open")).toBeLessThan(130);
  });

  test("a clock that went back: every time is read, and the newest state in time found", async () => {
    const { client, exact } = uploaded(files(...Array.from({ length: 400 }, (_, i) => `0/${i + 1}-${i + 1}@${i < 200 ? i : i - 100}`)));
    const times = await timesOf(client, DAY + 150_000);
    const result = planRestore(times.files, at(DAY + 150_000));
    expect(shown(result)).toEqual(shown(planRestore(exact, at(DAY + 150_000))));
    expect("plan" in result && result.plan.txid).toBe(251n);
  });

  test("a file that vanished is left out, one that is too damaged to have a time is not", async () => {
    const list = files(...Array.from({ length: 20 }, (_, i) => `0/${i + 1}-${i + 1}`));
    const { client } = uploaded(list);
    const listing = await listReplica(client, { accurateTimestamps: false, inOrder: true, signal: undefined });
    // `as`: made above.
    const memory = client.inner as MemoryClient;
    memory.put({ level: 0, minTXID: 7n, maxTXID: 7n }, new Uint8Array(116));
    await memory.deleteLTXFiles([{ level: 0, minTXID: 9n, maxTXID: 9n }]);
    const times = new FileTimes(client, listing.files, undefined);
    await times.search(DAY + 7500);
    expect(times.files.map(({ maxTXID, createdAt }) => [Number(maxTXID), (createdAt.getTime() - DAY) / 1000])).toEqual(
      list.flatMap(({ maxTXID }) => (maxTXID === 9n ? [] : [[Number(maxTXID), maxTXID === 7n ? 6 : Number(maxTXID)]])),
    );
  });

  test("what is spoken of is read exactly, once", async () => {
    const { client } = uploaded(files(...Array.from({ length: 500 }, (_, i) => `0/${i + 1}-${i + 1}`)));
    const times = await timesOf(client, DAY + 9000);
    expect(times.files[300]?.createdAt.getTime()).not.toBe(DAY + 301_000);
    expect(await times.read([301n])).toBe(true);
    expect(times.files[300]?.createdAt.getTime()).toBe(DAY + 301_000);
    expect(await times.read([301n])).toBe(false);
  });
});
