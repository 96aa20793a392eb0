import type { Latencies } from "../common/statistics.js";

/** Small commits for a while. */
export interface CommitsRequest {
  readonly seconds: number;
  /** 0 = as fast as it can. */
  readonly commitsPerSecond: number;
}

/** One transaction that adds `bytes` of the content of a file, from its beginning again where that is shorter. */
export interface TransactionRequest {
  readonly bytes: number;
  readonly contentPath: string;
}

/** One line to the writer's stdin. */
export type WriterRequest = CommitsRequest | TransactionRequest;

export interface WriterResult {
  readonly commits: number;
  readonly commitsPerSecond: number;
  readonly latencyMs: Latencies;
}

export interface TransactionResult {
  /** From its first statement to the return of its commit. */
  readonly milliseconds: number;
}

/** One line from its stdout. */
export type WriterAnswer = { readonly ready: true } | WriterResult | TransactionResult;
