import "@ls/backend-file";
import { pathToFileURL } from "node:url";
import { restore } from "@ls/core/restore";
import { upstreamRestore } from "@ls/testkit";
import type { RestoreOne } from "./judge.js";

/** Restores by upstream's command. */
export function byUpstream(binary: string): RestoreOne {
  return async (replicaPath, outputPath, txid) => {
    const { exitCode, stderr } = await upstreamRestore(binary, replicaPath, outputPath, { txid });
    return exitCode === 0 ? undefined : stderr.trim();
  };
}

/** Restores by `@ls/core/restore`; the integrity check is the judge's. */
export const byUs: RestoreOne = async (replicaPath, outputPath, txid) => {
  const result = await restore(pathToFileURL(replicaPath).href, { outputPath, txid, integrityCheck: "none" });
  return result.txid === txid ? undefined : `asked for TXID ${txid}, the result says ${result.txid}`;
};
