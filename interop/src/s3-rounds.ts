import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FaultProxy, type Random, startVersitygw, throwawayCertificates } from "@ls/testkit";
import type { Destination } from "./destination.js";
import { judge, type Verdict } from "./judge.js";
import { planDatabases } from "./matrix.js";
import { replicateByUs } from "./our-writes.js";
import { byUpstream, byUs } from "./restores.js";
import { LOOPBACK_NAMES, s3Destination } from "./s3-destination.js";
import { replicateByUpstream } from "./upstream-writes.js";
import { withEnv } from "./with-env.js";

/** The ways to one bucket that are tried. */
export const S3_WAYS = ["plain", "prefix", "virtual host", "TLS"] as const;
export type S3Way = (typeof S3_WAYS)[number];

export interface S3Round {
  readonly way: S3Way;
  /** Databases that we replicated and upstream restored. */
  readonly ours: Verdict;
  /** Databases that upstream replicated and we restored. */
  readonly theirs: Verdict;
  /** Our own restores of what we replicated. */
  readonly ourOwn: Verdict;
}

const DOMAIN = "s3.test";

/** Both directions through one server and bucket: `databases` of them each way, `cuts` states of each. */
export async function s3Round(
  versitygw: string,
  litestream: string,
  way: S3Way,
  directory: string,
  random: Random,
  size: { readonly databases: number; readonly cuts: number },
): Promise<S3Round> {
  mkdirSync(directory, { recursive: true });
  return await withDestination(versitygw, way, directory, async (destination) => {
    const named = (prefix: string): Destination => ({ ...destination, place: (name) => destination.place(`${prefix}/${name}`) });
    const written = await replicateByUs(join(directory, "o"), planDatabases(random, size.databases, size.cuts, true), named("ours"));
    const recorded = await replicateByUpstream(
      litestream,
      join(directory, "u"),
      planDatabases(random, size.databases, size.cuts, false),
      { levelIntervals: ["1s", "2s"], snapshotInterval: "3s" },
      named("upstream's"),
    );
    const ours = await judge(written, directory, 2, byUpstream(litestream, destination));
    return await withEnv(destination.ourEnv, async () => {
      const theirs = await judge(recorded, directory, 2, byUs);
      return { way, ours, theirs, ourOwn: await judge(written, directory, 2, byUs) };
    });
  });
}

async function withDestination<T>(versitygw: string, way: S3Way, directory: string, work: (destination: Destination) => Promise<T>): Promise<T> {
  switch (way) {
    case "plain": {
      await using server = await startVersitygw(versitygw);
      return await work(s3Destination(server));
    }
    case "prefix": {
      await using server = await startVersitygw(versitygw);
      return await work(s3Destination(server, { prefix: "some/where/db=1" }));
    }
    case "virtual host": {
      await import(LOOPBACK_NAMES);
      await using server = await startVersitygw(versitygw, { virtualDomain: DOMAIN });
      await using proxy = await FaultProxy.start(server);
      const hosts = new Set<string | undefined>();
      proxy.watch((request) => hosts.add(request.headers.host?.replace(/:.*/, "")));
      const result = await work(s3Destination(server, { endpoint: `http://${DOMAIN}:${proxy.port}`, virtualHost: { proxy: proxy.endpoint } }));
      const expected = `${server.bucket}.${DOMAIN}`;
      if (hosts.size !== 1 || !hosts.has(expected)) throw new Error(`requests went to ${[...hosts].join(", ")} instead of ${expected}`);
      return result;
    }
    case "TLS": {
      const certificates = await throwawayCertificates();
      const caPath = join(directory, "ca.pem");
      writeFileSync(caPath, certificates.ca);
      await using server = await startVersitygw(versitygw, { certificates });
      return await work(s3Destination(server, { caPath }));
    }
  }
}
