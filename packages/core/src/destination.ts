import type { ReplicaClient } from "./replica-client.js";

/** Names the place that a client reaches, the same for every client of that place; `undefined` for a client that does not tell: only it is itself then. */
export function destinationName({ type, destination }: ReplicaClient): string | undefined {
  return destination === undefined ? undefined : `${type} ${destination}`;
}

/** Whether two clients reach the same place, as far as they tell. */
export function isSameDestination(a: ReplicaClient, b: ReplicaClient): boolean {
  // Field by field, without {@link destinationName}: a Store compares each of its databases with every other.
  return a === b || (a.destination !== undefined && a.type === b.type && a.destination === b.destination);
}
