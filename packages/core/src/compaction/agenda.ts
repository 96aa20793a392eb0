import { SNAPSHOT_LEVEL } from "../levels.js";
import type { LTXFileInfo } from "../replica-client.js";
import type { Inventory } from "./inventory.js";
import type { KeepingMemory } from "./keeping-memory.js";
import type { MergedLevel } from "./levels.js";
import { type MergePlan, planMerge } from "./plan-merge.js";
import { planHistoryRetention, planL0Retention, type RetentionPlan } from "./plan-retention.js";
import { planSnapshot, type SnapshotPlan } from "./plan-snapshot.js";
import { agedFrom, windowEnd } from "./window.js";

/** How a destination is kept. Times in ms; 0 = not at all. */
export interface KeepingSettings {
  readonly levels: readonly MergedLevel[];
  readonly snapshotIntervalMs: number;
  readonly snapshotRetentionMs: number;
  readonly l0RetentionMs: number;
}

/** One piece of work on one destination. */
export type KeepingTask =
  | { readonly kind: "merge"; readonly level: number; readonly files: readonly LTXFileInfo[] }
  | { readonly kind: "snapshot"; readonly plan: Extract<SnapshotPlan, { status: "merge" | "image" | "impossible" }> }
  | { readonly kind: "retention"; readonly of: "l0" | "history"; readonly files: readonly LTXFileInfo[] };

/** What comes next: work, a moment to look again, or nothing until the destination gets another file. */
export type Agenda = { readonly task: KeepingTask } | { readonly atMs: number } | "idle";

export interface AgendaQuestion {
  readonly inventory: Inventory;
  readonly settings: KeepingSettings;
  readonly memory: KeepingMemory;
  readonly nowMs: number;
  readonly isLocal: (file: LTXFileInfo) => boolean;
  /** Size of the database in bytes, while a snapshot can be made from it; asked for only where that decides. */
  readonly databaseBytes: () => number | undefined;
}

interface Entry {
  readonly atMs: number;
  readonly task: KeepingTask | undefined;
}

/** Databases spread their work by up to this much, or a tenth of the interval if that is less. */
const MAX_SPREAD_MS = 10_000;
/** Deletions are gathered: at most this many passes in the time that files are kept. */
const L0_PASSES = 10;
const HISTORY_PASSES = 24;
const MAX_HISTORY_PASS_MS = 60 * 60_000;

/**
 * Decides what to do next about one destination. Everything follows from the listing and the clock, so that a restart changes nothing; the memory
 * only holds what a listing cannot tell: damage that was found, failures that are waited out, and what a wrong clock must not repeat.
 */
export function planAgenda(question: AgendaQuestion): Agenda {
  const { memory, nowMs } = question;
  memory.clock(nowMs);
  const entries: (Entry | undefined)[] = [];
  let isBlocked = false;
  for (const level of question.settings.levels) {
    const plan = planLevel(question, level.level);
    if (plan.status === "blocked") isBlocked = true;
    entries.push(mergeEntry(question, level, plan));
  }
  entries.push(snapshotEntry(question, isBlocked), l0RetentionEntry(question), historyRetentionEntry(question));
  let nextMs: number | undefined;
  for (const entry of entries) {
    if (entry === undefined) continue;
    if (entry.task !== undefined && entry.atMs <= nowMs) return { task: entry.task };
    if (nextMs === undefined || entry.atMs < nextMs) nextMs = entry.atMs;
  }
  return nextMs === undefined ? "idle" : { atMs: nextMs };
}

function planLevel({ inventory, settings, memory }: AgendaQuestion, level: number): MergePlan {
  return planMerge({ listing: inventory, level, isUsable: memory.isUsable, takesSnapshots: settings.snapshotIntervalMs > 0 });
}

/** Due when the window has ended in which there came to be enough files. */
function mergeEntry({ memory, nowMs }: AgendaQuestion, { level, intervalMs }: MergedLevel, plan: MergePlan): Entry | undefined {
  if (plan.status !== "merge") return undefined;
  const dueMs = windowEnd(agedFrom(plan.last.createdAt, memory.lastMs(level), nowMs), intervalMs) + spread(memory, intervalMs);
  return { atMs: Math.max(dueMs, memory.notBeforeMs("merge")), task: { kind: "merge", level, files: plan.files } };
}

function snapshotEntry(question: AgendaQuestion, isBlocked: boolean): Entry | undefined {
  const { inventory, settings, memory, nowMs, isLocal, databaseBytes } = question;
  const intervalMs = settings.snapshotIntervalMs;
  const spreadMs = spread(memory, intervalMs);
  const isWanted = isBlocked || memory.wantsSnapshot;
  const plan = planSnapshot({
    listing: inventory,
    isUsable: memory.isUsable,
    intervalMs: intervalMs === 0 ? 0 : intervalMs + spreadMs,
    nowMs,
    lastMs: memory.lastMs(SNAPSHOT_LEVEL),
    isWanted,
    isLocal,
    databaseBytes,
  });
  const notBeforeMs = memory.notBeforeMs("snapshot");
  switch (plan.status) {
    case "nothing-new":
      return undefined;
    case "too-early":
      return { atMs: Math.max(plan.atMs, notBeforeMs), task: undefined };
    default: {
      const isFirst = inventory.level(SNAPSHOT_LEVEL).length === 0;
      const dueMs = isFirst && !isWanted ? memory.seenMs + spreadMs : nowMs;
      return { atMs: Math.max(dueMs, notBeforeMs), task: { kind: "snapshot", plan } };
    }
  }
}

function l0RetentionEntry({ inventory, settings, memory, nowMs }: AgendaQuestion): Entry | undefined {
  const { l0RetentionMs: retentionMs, levels } = settings;
  const plan = planL0Retention({ listing: inventory, isUsable: memory.isUsable, retentionMs, nowMs, seenMs: memory.seenMs }, levels.length > 0);
  return retentionEntry(memory, "l0", plan, retentionMs / L0_PASSES, nowMs);
}

function historyRetentionEntry({ inventory, settings, memory, nowMs }: AgendaQuestion): Entry | undefined {
  const { snapshotRetentionMs: retentionMs } = settings;
  const plan = planHistoryRetention({ listing: inventory, isUsable: memory.isUsable, retentionMs, nowMs, seenMs: memory.seenMs });
  return retentionEntry(memory, "history", plan, Math.min(retentionMs / HISTORY_PASSES, MAX_HISTORY_PASS_MS), nowMs);
}

function retentionEntry(memory: KeepingMemory, of: "l0" | "history", plan: RetentionPlan, paceMs: number, nowMs: number): Entry | undefined {
  const dueMs = plan.files.length > 0 ? nowMs : plan.atMs;
  if (dueMs === undefined) return undefined;
  const atMs = Math.max(dueMs, memory.lastMs(of) + paceMs, memory.notBeforeMs("retention"));
  return { atMs, task: plan.files.length > 0 ? { kind: "retention", of, files: plan.files } : undefined };
}

function spread(memory: KeepingMemory, intervalMs: number): number {
  return memory.jitter * Math.min(MAX_SPREAD_MS, intervalMs / 10);
}
