import type { TXID } from "@ls/ltx";

/** The database that a restore is about to give. */
export interface RestoredShape {
  readonly txid: TXID;
  /** Page size in bytes. */
  readonly pageSize: number;
  /** Size in pages; page `lockPage(pageSize)`, if it lies inside, has no content and is never given. */
  readonly commit: number;
}

/**
 * What a restore writes into. One attempt is `begin`, then every page once, in no particular order, then `end`. When a file turns out to
 * be damaged or gone, the attempt ends with `discard` instead, and another `begin` may follow. Calls never overlap; each is awaited.
 * Until `end` is called nothing that was given may be used: a file's checksum is only known at its last byte.
 */
export interface PageSink {
  begin(shape: RestoredShape): void | Promise<void>;
  /**
   * Some pages: page `pgnos[i]` lies at `data[i * pageSize]`. `data` and `pgnos` are views that are valid until the call, or the promise it
   * returns, is done. Within one call page numbers ascend.
   */
  pages(pgnos: Uint32Array, data: Uint8Array): void | Promise<void>;
  /** Every page has been given, and everything is verified. */
  end(): void | Promise<void>;
  /** Forget everything since `begin`. Also called when the restore fails for good, and when `begin`, `pages` or `end` threw. */
  discard(): void | Promise<void>;
}
