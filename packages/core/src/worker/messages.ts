import type { LTXFileSummary } from "@ls/ltx";
import type { EngineEvent, EngineOp, EngineRequests, EngineSettings, Told } from "../db/protocol.js";
import type { LTXFileInfo } from "../replica-client.js";
import type { DriverSpec } from "../sqlite/driver.js";
import type { PlainError } from "./host-error.js";

/** What a merge in the worker works on. */
export interface MergeSettings {
  readonly files: readonly LTXFileInfo[];
  readonly timestampMs: number | undefined;
  /** The database's meta directory; defined while local copies may be read. */
  readonly metaPath: string | undefined;
  /** Where the destination's files can be read without its client. */
  readonly localDirectory: string | undefined;
}

/** Bytes of a merged file, the caller's own. */
export interface MergeChunk {
  readonly chunk: Uint8Array<ArrayBuffer>;
  /** The file ends with them, and its merge is over: the worker has forgotten it. */
  readonly isLast: boolean;
}

/** The first request of a seat says what to work on: most merges are of a few small files, and are done with one message each way. */
export interface MergeRequests {
  merge: { params: MergeSettings; result: MergeChunk };
  mergeNext: { params: undefined; result: MergeChunk };
  /** Reads the only file to its end. */
  mergeVerify: { params: MergeSettings; result: { summary: LTXFileSummary } };
}

/** A range of a file. */
export interface WantedRange {
  /** Which of the merge's files. */
  readonly file: number;
  readonly offset: number;
  readonly size: number;
}

/** Ranges that a merge needs from the destination. Their buffer goes back and forth, so the worker's memory is all that is taken. */
export interface Want {
  readonly id: number;
  readonly ranges: readonly WantedRange[];
  readonly buffer: Uint8Array<ArrayBuffer>;
}

export type Requests = EngineRequests & MergeRequests;
export type MergeOp = keyof MergeRequests;
export type Op = EngineOp | MergeOp;

/** What the application's thread sends to the worker. `seat` numbers the engines and merges that share it. */
export type ToWorker =
  | { readonly type: "engine"; readonly seat: number; readonly settings: EngineSettings; readonly driver: DriverSpec }
  | { readonly type: "request"; readonly seat: number; readonly request: number; readonly op: Op; readonly params: unknown }
  /** As a request, which only a failure answers: by an event. */
  | { readonly type: "tell"; readonly seat: number; readonly op: Told; readonly params: EngineRequests[Told]["params"] }
  /** Cancels a request; it is answered all the same. */
  | { readonly type: "cancel"; readonly seat: number; readonly request: number }
  /** What a merge wanted; without a buffer: it could not be had. */
  | { readonly type: "supply"; readonly seat: number; readonly want: number; readonly buffer: Uint8Array<ArrayBuffer> | undefined }
  /** An engine is closed, or nobody wants the rest of a merge. */
  | { readonly type: "forget"; readonly seat: number };

export type FromWorker =
  | { readonly type: "answer"; readonly seat: number; readonly request: number; readonly value: unknown }
  | { readonly type: "error"; readonly seat: number; readonly request: number; readonly error: PlainError }
  | { readonly type: "event"; readonly seat: number; readonly event: EngineEvent }
  | { readonly type: "want"; readonly seat: number; readonly want: Want };
