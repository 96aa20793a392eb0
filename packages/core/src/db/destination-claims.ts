import { destinationName } from "../destination.js";
import { LSError } from "../errors.js";
import type { ReplicaClient } from "../replica-client.js";

/** Destinations that databases of this process replicate to, and which database it is. */
const claims: Map<string | ReplicaClient, string> = new Map();

/**
 * Reserves a destination for one database of this process: two would interleave their histories there. Other processes are found out by
 * the destination itself, at the first file that both write.
 * @returns gives the destination free again; idempotent.
 * @throws LSError `LS_CONFLICT`
 */
export function claimDestination(client: ReplicaClient, path: string): () => void {
  const keys: (string | ReplicaClient)[] = [client];
  const name = destinationName(client);
  if (name !== undefined) keys.push(name);
  for (const key of keys) {
    const holder = claims.get(key);
    if (holder === undefined) continue;
    throw new LSError("LS_CONFLICT", `${holder} replicates to this destination already, so ${path} cannot; give each database its own`, {
      details: { path, holder },
    });
  }
  for (const key of keys) claims.set(key, path);
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    for (const key of keys) claims.delete(key);
  };
}
