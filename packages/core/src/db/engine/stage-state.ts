import type { Slicer } from "../../concurrency/slicer.js";
import type { EngineEvent } from "../protocol.js";
import type { LocalState } from "./local-state.js";
import { cutState, type PageView } from "./state-cut.js";

/** What a state cut found. */
export interface StateOutcome {
  readonly differingPages: number;
  readonly pageCount: number;
}

export interface StateStep {
  readonly local: LocalState;
  readonly view: PageView;
  /** What differs from the table of the current TXID, or all of it. */
  readonly how: "diff" | "image";
  /** When the oldest commit in it was seen, ms since the epoch. */
  readonly oldestCommitMs: number;
  readonly emit: (event: EngineEvent) => void;
}

/** Stages a state as the next TXID, unless nothing differs, and moves the local position there. */
export async function stageState({ local, view, how, oldestCommitMs, emit }: StateStep, slicer: Slicer): Promise<StateOutcome> {
  const txid = local.txid + 1n;
  const timestampMs = local.nextTimestampMs();
  const base = how === "diff" ? local.table : undefined;
  const { differingPages, size, table } = await local.withRoom(() => cutState(view, base, { meta: local.meta, txid, timestampMs }, slicer));
  const file = size === undefined ? undefined : { txid, path: local.meta.stagedFile(txid), size, timestampMs, pageCount: differingPages, oldestCommitMs };
  local.advance({ table, file });
  if (file !== undefined) emit({ type: "staged", file });
  return { differingPages, pageCount: view.commit };
}
