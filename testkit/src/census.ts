import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** What a process or directory holds at one moment; compare two with {@link censusDifference}. */
export interface Census {
  /** Targets of the open descriptors (regular files and sockets), sorted. Empty where /proc is missing. */
  readonly descriptors: readonly string[];
  /** Kinds of active handles and requests of this process, sorted; timers included. */
  readonly resources: readonly string[];
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
}

/** The census of this process. */
export function takeCensus(): Census {
  const memory = process.memoryUsage();
  return {
    descriptors: openDescriptors("self"),
    resources: process.getActiveResourcesInfo().sort(),
    rssBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    externalBytes: memory.external,
  };
}

/** Descriptor targets of a process; `"self"` or a pid. */
export function openDescriptors(pid: number | "self"): string[] {
  const directory = `/proc/${pid}/fd`;
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  const targets: string[] = [];
  for (const name of names) {
    try {
      targets.push(readlinkSync(join(directory, name)));
    } catch {
      // Closed between the listing and this look, such as the listing's own descriptor.
    }
  }
  return targets.filter((target) => !target.startsWith(directory.replace("self", String(process.pid)))).sort();
}

/** Descriptors and resources that `after` has more of than `before`. */
export function censusDifference(before: Census, after: Census): string[] {
  return [
    ...surplus(before.descriptors, after.descriptors).map((t) => `descriptor ${t}`),
    ...surplus(before.resources, after.resources).map((t) => `resource ${t}`),
  ];
}

/** Files below a directory whose name says that they are temporary, relative to it. */
export function temporaryFiles(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.tmp|\.temp|~$/.test(name))
      .sort();
  } catch {
    return [];
  }
}

function surplus(before: readonly string[], after: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const item of before) left.set(item, (left.get(item) ?? 0) + 1);
  return after.filter((item) => {
    const count = left.get(item) ?? 0;
    left.set(item, count - 1);
    return count <= 0;
  });
}
