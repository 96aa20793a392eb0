/// <reference lib="esnext.disposable" preserve="true" />
import type { TXID } from "@ls/ltx";

/** Options that every call to storage takes. */
export interface CallOptions {
  /** Cancels the call: the promise or iteration rejects with `signal.reason`, untouched, and cleanup still runs. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** Names one LTX file at a destination. */
export interface LTXFileRef {
  /** 0 = one file per cut, 1–8 = compacted, 9 = snapshots. */
  readonly level: number;
  readonly minTXID: TXID;
  readonly maxTXID: TXID;
}

/** One listed LTX file. */
export interface LTXFileInfo extends LTXFileRef {
  /** Stored size in bytes. */
  readonly size: number;
  /** The LTX header's time as far as the service keeps it (see `ReplicaClientCapabilities.timestamps`); whole milliseconds. */
  readonly createdAt: Date;
}

/** What a storage service can promise. Callers adapt to it; `@ls/conformance` holds a client to it. */
export interface ReplicaClientCapabilities {
  /** `writeLTXFile(…, { createOnly: true })` fails when the file exists, also against a concurrent writer. */
  readonly createOnly: boolean;
  /** `listRaw`/`openRaw` exist (reading v0.3 backups). */
  readonly rawKeys: boolean;
  /** `seek` costs the service no more than the files returned. */
  readonly orderedSeek: boolean;
  /** Where `createdAt` comes from: a listing that carries it, per-file metadata, or only the LTX header itself. */
  readonly timestamps: "metadata" | "listing" | "header";
}

/** Mode and owner of the source database, which a client of a file system gives to what it creates. */
export interface FileOwner {
  /** POSIX permission bits of the database file, such as 0o600. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Options of `ReplicaClient.init()`. */
export interface InitOptions extends CallOptions {
  /** Whose files the source database's are. Default: those of the process. */
  readonly owner?: FileOwner | undefined;
}

/** Options of `ReplicaClient.ltxFiles()`. */
export interface ListOptions extends CallOptions {
  /** Skip files whose `minTXID` is lower. Default `0n`: all. */
  readonly seek?: TXID | undefined;
  /** Make `createdAt` the LTX header's time even where the listing does not carry it (may cost one request per file). Default false. */
  readonly accurateTimestamps?: boolean | undefined;
}

/** Options of `ReplicaClient.openLTXFile()`. */
export interface OpenOptions extends CallOptions {
  /** First byte wanted, 0 or more. Default 0. */
  readonly offset?: number | undefined;
  /** At most this many bytes, 0 or more. Default 0: to the end. */
  readonly size?: number | undefined;
  /** The caller is done with a chunk when it asks for the next one, so its memory may be handed out again. A hint. Default false: chunks are the caller's. */
  readonly reuseChunks?: boolean | undefined;
}

/** Options of `ReplicaClient.writeLTXFile()`. */
export interface WriteOptions extends CallOptions {
  /** Fail with `LS_CONFLICT` when the file exists already. Default false: overwrite. */
  readonly createOnly?: boolean | undefined;
  /** Expected size in bytes, 0 or more; a hint only. Default: not known. */
  readonly sizeHint?: number | undefined;
}

/**
 * One storage service that holds one database's replica: the contract every backend implements.
 *
 * Implementers: constructors store options and do no I/O; `init` is memoised, idempotent and retried after a failure, and
 * every other method calls it. Nothing is acquired before the first `next()` of a returned iterable, and leaving the loop
 * early releases it. Failures are {@link LSError}s: a missing file is `LS_LTX_FILE_NOT_FOUND`, refused credentials
 * `LS_STORAGE_DENIED`, anything that may pass by itself `LS_STORAGE_UNAVAILABLE` with `retryable: true`. An error never
 * looks like an empty listing. A level outside 0 to 9, or TXIDs that are no range, are a `RangeError`. One call's abort never fails another.
 * A request that hangs is the client's to break off (`LS_STORAGE_UNAVAILABLE`): nobody else knows how long one may take. Callers give up on a read that
 * brings nothing for a minute, and on the writing of a merge after a quarter of an hour.
 * Callers: call any method at any time and concurrently; abort through `signal`.
 */
export interface ReplicaClient {
  /** The backend's name, such as `"file"` or `"s3"`. */
  readonly type: string;
  readonly capabilities: ReplicaClientCapabilities;
  /**
   * Canonical name of the place, without secrets, such as `"file:///backups/app"`: clients of one type with the same destination write to
   * the same place. Two databases with one destination are refused by it before they meet there.
   */
  readonly destination?: string | undefined;
  /** Prepares the destination (directories, buckets that must exist, credentials). Idempotent. */
  init(options?: InitOptions): Promise<void>;
  /**
   * Lists the files of one level, ordered by (minTXID, maxTXID). Names that are not LTX file names are skipped.
   * A level or destination that does not exist yet is empty; an error while listing is thrown.
   */
  ltxFiles(level: number, options?: ListOptions): AsyncIterable<LTXFileInfo>;
  /**
   * The bytes of one file, in chunks of any size; an offset at or beyond the end yields nothing. Chunks belong to the caller, unless it says
   * `reuseChunks`. One that is replaced meanwhile gives its old bytes, or an error that is not `retryable`: never a mixture of both.
   */
  openLTXFile(ref: LTXFileRef, options?: OpenOptions): AsyncIterable<Uint8Array>;
  /**
   * For a destination whose files are files of this machine: the absolute path of the directory that has them as `ltx/<level>/<min>-<max>.ltx`, with the
   * bytes that {@link openLTXFile} gives. Merges then read them without the client, synchronously, as they do what lies beside the database; so
   * a file system that other machines or programs serve, and may let wait, must not be named. What cannot be read there is asked of the client. Resolves with
   * `undefined` when there is none. Default: there is none.
   */
  localDirectory?(): Promise<string | undefined>;
  /**
   * Stores one file, all or nothing: when `data` throws or the call is aborted, nothing becomes visible.
   * `data` starts with the LTX header, whose time becomes the file's `createdAt`; anything else is `LS_LTX_CORRUPTED`. Chunks may have any
   * size, including 0, and are valid until the next one is asked for. Overwrites, unless `createOnly`.
   * Resolves when the file is durable.
   */
  writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<LTXFileInfo>;
  /** Deletes files; one that is already gone counts as deleted. Failures are collected in an `AggregateError`, one per file. */
  deleteLTXFiles(refs: readonly LTXFileRef[], options?: CallOptions): Promise<void>;
  /**
   * Deletes everything in the levels of this replica, LTX files or not, and nothing else: what lies beside the levels stays, and so does another
   * destination whose path begins with this one's. Failures as of {@link deleteLTXFiles}.
   */
  deleteAll(options?: CallOptions): Promise<void>;
  /** Releases sockets and handles. Idempotent. A call after it opens them again, or rejects with `LS_NOT_OPEN`. */
  close(): Promise<void>;
}
