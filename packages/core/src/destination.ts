import type { ReplicaClient } from "./replica-client.js";

/** Names the place that a client reaches, the same for every client of that place; `undefined` for a client that does not tell: only it is itself then. */
export function destinationName({ type, destination }: ReplicaClient): string | undefined {
  return destination === undefined ? undefined : `${type} ${destination}`;
}
