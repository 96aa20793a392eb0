import { join } from "node:path";

/** Where the replicas of a campaign go, and what a process needs to get there. */
export interface Destination {
  /** Directory or URL of one database's replica. */
  place(name: string): string;
  /** The same place as upstream's processes have to name it. */
  forUpstream(place: string): string;
  /** Environment of our processes. */
  readonly ourEnv: Readonly<Record<string, string>>;
  /** Environment of upstream's. */
  readonly upstreamEnv: Readonly<Record<string, string>>;
}

/** A directory beside each database. */
export function besideDatabases(directory: string): Destination {
  return { place: (name) => join(directory, name, "replica"), forUpstream: (place) => place, ourEnv: {}, upstreamEnv: {} };
}
