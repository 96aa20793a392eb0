import { destinationName } from "../destination.js";
import { LSError } from "../errors.js";
import type { ReplicaClient } from "../replica-client.js";

/** Which database replicates to which destination: two would interleave their histories there. */
export class DestinationClaims {
  readonly #holders: Map<string | ReplicaClient, string> = new Map();

  /**
   * Reserves a destination for one database.
   * @returns gives the destination free again; idempotent.
   * @throws LSError `LS_CONFLICT` when another one has it.
   */
  claim(client: ReplicaClient, path: string): () => void {
    const name = destinationName(client);
    const keys = name === undefined ? [client] : [client, name];
    for (const key of keys) {
      const holder = this.#holders.get(key);
      if (holder === undefined) continue;
      throw new LSError("LS_CONFLICT", `${holder} replicates to this destination already, so ${path} cannot; give each database its own`, {
        details: { path, holder },
      });
    }
    for (const key of keys) this.#holders.set(key, path);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (const key of keys) this.#holders.delete(key);
    };
  }
}

/** What databases of this process replicate to now. */
const ofThisProcess = new DestinationClaims();

/**
 * {@link DestinationClaims.claim} in this process. Other processes are found out by the destination itself, at the first file that both write.
 */
export function claimDestination(client: ReplicaClient, path: string): () => void {
  return ofThisProcess.claim(client, path);
}
