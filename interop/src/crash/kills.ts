import type { Random, ReplicatorPhase } from "@ls/testkit";

/** The moments that a kill must hit, as the histogram counts them. */
export const MOMENTS = ["open transaction", "checkpoint", "staging", "rename", "upload"] as const;
/** Those of a Store that keeps the destination. */
export const KEEPING_MOMENTS = ["merge", "snapshot", "retention"] as const;
export type Moment = (typeof MOMENTS | typeof KEEPING_MOMENTS)[number];

/** How one round ends. */
export interface KillPlan {
  /** The replicator dies by itself on entering this phase; absent: it is killed at the same time as the writer. */
  readonly replicatorAt?: { readonly phase: ReplicatorPhase; readonly nth: number };
  /** What the writer is made to do just before it is killed. */
  readonly writerIn: "running" | "open transaction" | "checkpoint";
}

type Ending = readonly ReplicatorPhase[] | "open transaction" | "writer checkpoint" | "any time";

const ENDINGS: readonly Ending[] = [
  "open transaction",
  ["checkpoint"],
  ["staging write", "staging sync"],
  ["staging rename", "staged"],
  ["upload write", "upload sync"],
  ["upload rename", "uploaded"],
  "writer checkpoint",
  ["wal sync", "page table"],
  "any time",
];

const KEEPING_ENDINGS: readonly Ending[] = [
  ...ENDINGS,
  ["merge write", "merge sync"],
  ["merge rename", "merged"],
  ["snapshot write", "snapshot sync"],
  ["snapshot rename", "snapshot stored"],
  ["retention delete"],
];

/** Walks through every kind of ending in turn. */
export function planKill(round: number, isKept: boolean, random: Random): KillPlan {
  const endings = isKept ? KEEPING_ENDINGS : ENDINGS;
  const ending = endings[round % endings.length] ?? "any time";
  if (ending === "open transaction") return { writerIn: "open transaction" };
  if (ending === "writer checkpoint") return { writerIn: "checkpoint" };
  if (ending === "any time") return { writerIn: "running" };
  const phase = random.pick(ending);
  return { replicatorAt: { phase, nth: phase === "page table" ? 1 : random.int(1, 4) }, writerIn: random.pick(["running", "open transaction"]) };
}

/** The moments that the phases noted by dead processes stand for. */
export function momentsOf(phases: readonly string[]): Moment[] {
  const moments = new Set<Moment>();
  for (const phase of phases) {
    if (phase === "open transaction" || phase === "checkpoint") moments.add(phase);
    else if (phase.startsWith("merge")) moments.add("merge");
    else if (phase.startsWith("snapshot")) moments.add("snapshot");
    else if (phase.startsWith("retention")) moments.add("retention");
    else if (phase.endsWith(" rename")) moments.add("rename");
    else if (phase.startsWith("staging")) moments.add("staging");
    else if (phase.startsWith("upload ")) moments.add("upload");
  }
  return [...moments];
}
