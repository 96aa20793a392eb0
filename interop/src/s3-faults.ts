import { S3ReplicaClient } from "@ls/backend-s3/client";
import { DB, Replica } from "@ls/core";
import { restore } from "@ls/core/restore";
import { type DatabaseModel, FaultProxy, modelOfLive, type ProxyRule, type Random, type S3Server, Writer, withDeadline } from "@ls/testkit";
import { judge } from "./judge.js";
import { byUpstream } from "./restores.js";
import { s3Destination } from "./s3-destination.js";

const OFTEN = 0.3;
const HTML = "<html><body>Please log in to this network</body></html>";

/** How a network or service misbehaves, as rules of a proxy before it. */
export const S3_FAULTS = {
  /** 30 % of all requests: a third each before the answer (an upload is stored, its reply lost), within it, within the request. */
  resets: (random: Random): ProxyRule[] => [
    { fault: { kind: "cut-answer", afterBytes: 0, how: "reset" }, chance: { of: OFTEN / 3, random } },
    { fault: { kind: "cut-answer", afterBytes: 120, how: "reset" }, chance: { of: OFTEN / 3, random } },
    { fault: { kind: "cut-request", afterBytes: 100 }, chance: { of: OFTEN / 3, random } },
  ],
  /** A body that ends early without an error of the connection. */
  "early ends": (random: Random): ProxyRule[] => [{ fault: { kind: "cut-answer", afterBytes: 90, how: "end" }, on: "get", chance: { of: OFTEN, random } }],
  latency: (): ProxyRule[] => [{ fault: { kind: "delay", milliseconds: 100 } }],
  /** In bursts, about every second request: each of the rules counts when it is asked, so one that passes counts three. */
  bursts: (): ProxyRule[] => {
    let count = 0;
    return [503, 429, 408].map((status) => ({
      fault: { kind: "answer", status, body: "<Error><Code>SlowDown</Code></Error>" },
      on: () => count++ % 12 < 3,
    }));
  },
  "black hole": (random: Random): ProxyRule[] => [{ fault: { kind: "black-hole" }, chance: { of: OFTEN / 3, random } }],
  /**
   * A service, or something before it, that says yes: uploads acknowledged and dropped, a portal's page in place of answers. Not in place of a file's
   * bytes: those are held to be the file, and refused as damaged.
   */
  "lying success": (random: Random): ProxyRule[] => [
    { fault: { kind: "answer", status: 200 }, on: "put", chance: { of: OFTEN, random } },
    {
      fault: { kind: "answer", status: 200, headers: { "content-type": "text/html" }, body: HTML },
      on: (request) => request.operation !== "get",
      chance: { of: OFTEN / 3, random },
    },
  ],
} as const satisfies Record<string, (random: Random) => ProxyRule[]>;

export type S3Fault = keyof typeof S3_FAULTS;

export interface S3FaultRun {
  /** States that `syncAndWait()` acknowledged. */
  readonly acknowledged: number;
  /** Requests, and those that were spoiled. */
  readonly requests: number;
  readonly spoiled: number;
  /** Acknowledged states that could not be restored, by us under the same faults or by upstream without. */
  readonly faults: readonly string[];
}

/** Replicates through the faults, then restores every acknowledged state through the faults, and by upstream straight from the server. */
export async function s3FaultRun(
  server: S3Server,
  litestream: string | undefined,
  fault: S3Fault,
  directory: string,
  name: string,
  random: Random,
  cuts: number,
): Promise<S3FaultRun> {
  await using proxy = await FaultProxy.start(server);
  const options = {
    bucket: server.bucket,
    path: name,
    region: server.region,
    accessKeyId: server.accessKeyId,
    secretAccessKey: server.secretAccessKey,
    endpoint: proxy.endpoint,
    // A black hole is left after this long.
    idleTimeoutMs: 1_000,
  };
  for (const rule of S3_FAULTS[fault](random)) proxy.arm(rule);
  const path = `${directory}/${name}.db`;
  await using writer = await Writer.start({ path, seed: random.uint32(), workload: "mixed", checkpoints: false });
  await writer.step(1);
  const db = new DB(path, { host: "inline", replica: new Replica(new S3ReplicaClient(options), { syncIntervalMs: 20 }) });
  const models = new Map<bigint, DatabaseModel>();
  try {
    await withDeadline(`open() with ${fault}`, 120_000, db.open());
    for (let cut = 0; cut < cuts; cut++) {
      await writer.step(2);
      const txid = await db.sync();
      const model = modelOfLive(path);
      await withDeadline(`an acknowledgement with ${fault}`, 120_000, db.syncAndWait());
      models.set(txid, model);
    }
  } finally {
    await db.close();
  }
  const client = new S3ReplicaClient(options);
  const known = [{ name, replicaPath: s3Destination(server).place(name), models }];
  const byUs = await judge(known, directory, 2, async (_, outputPath, txid) => {
    await restore(client, { outputPath, txid, integrityCheck: "none" });
    return undefined;
  });
  await client.close();
  const byThem = litestream === undefined ? undefined : await judge(known, directory, 2, byUpstream(litestream, s3Destination(server)));
  return {
    acknowledged: models.size,
    requests: proxy.total,
    spoiled: proxy.struck,
    faults: [...byUs.faults.map((one) => `by us: ${one}`), ...(byThem?.faults ?? []).map((one) => `by upstream: ${one}`)],
  };
}
