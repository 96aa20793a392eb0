import type { LTXFileSummary } from "@ls/ltx";
import type { EngineEvent, EngineOp, EngineRequests, EngineSettings } from "../db/protocol.js";
import type { LTXFileInfo } from "../replica-client.js";
import type { DriverSpec } from "../sqlite/driver.js";
import type { PlainError } from "./host-error.js";

/** What a merge in the worker works on. */
export interface MergeSettings {
  readonly files: readonly LTXFileInfo[];
  readonly timestampMs: number | undefined;
  /** The database's meta directory; defined while local copies may be read. */
  readonly metaPath: string | undefined;
}

export interface MergeRequests {
  /** The next bytes of the merged file, the caller's own; `undefined` = it has ended. */
  mergeNext: { params: undefined; result: { chunk: Uint8Array<ArrayBuffer> | undefined } };
  /** Reads the only file to its end. */
  mergeVerify: { params: undefined; result: { summary: LTXFileSummary } };
}

/** A range that a merge needs from the destination. Its buffer goes back and forth, so the worker's memory is all that is taken. */
export interface Want {
  readonly id: number;
  /** Which of the merge's files. */
  readonly file: number;
  readonly offset: number;
  readonly size: number;
  readonly buffer: Uint8Array<ArrayBuffer>;
}

export type Requests = EngineRequests & MergeRequests;
export type MergeOp = keyof MergeRequests;
export type Op = EngineOp | MergeOp;

/** What the application's thread sends to the worker. `seat` numbers the engines and merges that share it. */
export type ToWorker =
  | { readonly type: "engine"; readonly seat: number; readonly settings: EngineSettings; readonly driver: DriverSpec }
  | { readonly type: "merge"; readonly seat: number; readonly settings: MergeSettings }
  | { readonly type: "request"; readonly seat: number; readonly request: number; readonly op: Op; readonly params: unknown }
  /** Cancels a request; it is answered all the same. */
  | { readonly type: "cancel"; readonly seat: number; readonly request: number }
  /** What a merge wanted; without a buffer: it could not be had. */
  | { readonly type: "supply"; readonly seat: number; readonly want: number; readonly buffer: Uint8Array<ArrayBuffer> | undefined }
  /** An engine is closed, or a merge over; or either is to be forgotten. */
  | { readonly type: "forget"; readonly seat: number };

export type FromWorker =
  | { readonly type: "answer"; readonly seat: number; readonly request: number; readonly value: unknown }
  | { readonly type: "error"; readonly seat: number; readonly request: number; readonly error: PlainError }
  | { readonly type: "event"; readonly seat: number; readonly event: EngineEvent }
  | { readonly type: "want"; readonly seat: number; readonly want: Want };
