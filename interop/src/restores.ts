import { restore } from "@ls/core/restore";
import { replicaURL, upstreamRestore } from "@ls/testkit";
import type { Destination } from "./destination.js";
import type { RestoreOne } from "./judge.js";

/** Restores by upstream's command. */
export function byUpstream(binary: string, destination?: Destination): RestoreOne {
  return async (replicaPath, outputPath, txid) => {
    const { exitCode, stderr } = await upstreamRestore(binary, destination?.forUpstream(replicaPath) ?? replicaPath, outputPath, {
      txid,
      env: destination?.upstreamEnv ?? {},
    });
    return exitCode === 0 ? undefined : stderr.trim();
  };
}

/** Restores by `@ls/core/restore`; the integrity check is the judge's. */
export const byUs: RestoreOne = async (replicaPath, outputPath, txid) => {
  const url = replicaURL(replicaPath);
  await (url.startsWith("s3:") ? import("@ls/backend-s3") : import("@ls/backend-file"));
  const result = await restore(url, { outputPath, txid, integrityCheck: "none" });
  return result.txid === txid ? undefined : `asked for TXID ${txid}, the result says ${result.txid}`;
};
