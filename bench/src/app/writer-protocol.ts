import type { Latencies } from "../common/statistics.js";

/** One line to the writer's stdin. */
export interface WriterRequest {
  readonly seconds: number;
  /** 0 = as fast as it can. */
  readonly commitsPerSecond: number;
}

export interface WriterResult {
  readonly commits: number;
  readonly commitsPerSecond: number;
  readonly latencyMs: Latencies;
}

/** One line from its stdout. */
export type WriterAnswer = { readonly ready: true } | WriterResult;
