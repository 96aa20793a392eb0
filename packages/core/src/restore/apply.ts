import { DatabaseChecksum, isLTXError, LTX_NO_CHECKSUM, LTXDecoder, LTXError, type LTXFileSummary, type LTXHeader, type LTXPageBatch, lockPage } from "@ls/ltx";
import { LSError } from "../errors.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { type FetchOptions, fetchFiles } from "./fetch.js";
import { PageSet } from "./page-set.js";
import type { PageSink, RestoredShape } from "./page-sink.js";
import type { RestorePlan } from "./plan.js";
import { ShortFile } from "./range-reader.js";

/**
 * Files are applied newest first. The first version of a page that comes along is then the one that stays, so each page is decoded once and
 * goes straight to its place; a bit per page remembers which are there. Older versions are decoded for their file's checksum only.
 * A page beyond the size that any newer file gave the database was cut off by it, whatever grew there later.
 */

/** One file of the plan cannot be used. */
export class UnusableFile extends Error {
  readonly file: LTXFileInfo;

  constructor(file: LTXFileInfo, cause: Error) {
    super(cause.message, { cause });
    this.file = file;
  }
}

export interface ApplyOptions extends FetchOptions {
  /** Called whenever bytes have been read. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Gives every page of the planned state to the sink, having read and verified every file of the plan to its last byte.
 * Calls the sink's `begin` and `pages`; `end` and `discard` are the caller's.
 * @throws {@link UnusableFile}; `LS_LTX_CORRUPTED` when the files are fine one by one but do not make up a database; errors of the client and sink.
 */
export async function applyPlan(client: ReplicaClient, plan: RestorePlan, sink: PageSink, options: ApplyOptions): Promise<RestoredShape> {
  const target = new ApplyTarget(plan, sink);
  let decoder: LTXDecoder | undefined;
  const newestFirst = plan.files.toReversed();
  try {
    for await (const { file, bytes, isLast } of fetchFiles(client, newestFirst, options)) {
      decoder ??= new LTXDecoder();
      await applyBytes(decoder, bytes, file, target);
      options.onBytes?.(bytes.length);
      if (!isLast) continue;
      await target.fileRead(unlessDamaged(file, decoder.finish.bind(decoder)), file);
      decoder = undefined;
    }
    return target.complete();
  } catch (error) {
    throw error instanceof ShortFile ? new UnusableFile(error.file, error) : error;
  } finally {
    decoder?.dispose();
  }
}

async function applyBytes(decoder: LTXDecoder, bytes: Uint8Array, file: LTXFileInfo, target: ApplyTarget): Promise<void> {
  const batches = decoder.push(bytes);
  for (;;) {
    const next = unlessDamaged(file, batches.next.bind(batches));
    if (decoder.header !== undefined && target.current !== file) await target.headerRead(decoder.header, file);
    if (next.done === true) return;
    await target.place(next.value);
  }
}

function unlessDamaged<T>(file: LTXFileInfo, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw isLTXError(error) ? new UnusableFile(file, error) : error;
  }
}

class ApplyTarget {
  readonly #plan: RestorePlan;
  readonly #sink: PageSink;
  #shape: RestoredShape | undefined;
  /** File whose header has been seen. */
  current: LTXFileInfo | undefined;
  readonly #placed = new PageSet();
  /** Smallest size that the current or a newer file gave the database, in pages. */
  #limit = 0;
  #checksum: DatabaseChecksum | undefined;
  #expectedChecksum = 0n;

  constructor(plan: RestorePlan, sink: PageSink) {
    this.#plan = plan;
    this.#sink = sink;
  }

  async headerRead(header: LTXHeader, file: LTXFileInfo): Promise<void> {
    this.current = file;
    if (header.minTXID !== file.minTXID || header.maxTXID !== file.maxTXID) {
      throw unusable(file, `holds TXIDs ${header.minTXID} to ${header.maxTXID}`);
    }
    if (this.#shape !== undefined) {
      if (header.pageSize !== this.#shape.pageSize) throw unusable(file, `has pages of ${header.pageSize} bytes, a newer file of ${this.#shape.pageSize}`);
      this.#limit = Math.min(this.#limit, header.commit);
      return;
    }
    // Before anything is made of that size. A frame has 10 bytes and LZ4 packs at most 255:1, so the plan's bytes bound its pages; one more is the lock page.
    if (header.commit > this.#plan.bytes / (10 + header.pageSize / 255) + 1) {
      throw unusable(file, `claims ${header.commit} pages, more than all files of the plan can hold`);
    }
    this.#shape = { txid: this.#plan.txid, pageSize: header.pageSize, commit: header.commit };
    this.#limit = header.commit;
    if ((header.flags & LTX_NO_CHECKSUM) === 0) this.#checksum = new DatabaseChecksum();
    await this.#sink.begin(this.#shape);
  }

  /** Gives the pages that no newer file held, in runs as long as possible. */
  async place({ pgnos, count, data }: LTXPageBatch): Promise<void> {
    const pageSize = this.#shape?.pageSize ?? 0;
    let start = 0;
    for (let i = 0; i <= count; i++) {
      const pgno = pgnos[i] ?? 0;
      if (i < count && pgno <= this.#limit && this.#placed.add(pgno)) continue;
      if (i > start) await this.#give(pgnos.subarray(start, i), data.subarray(start * pageSize, i * pageSize), pageSize);
      start = i + 1;
    }
  }

  async #give(pgnos: Uint32Array, data: Uint8Array, pageSize: number): Promise<void> {
    if (this.#checksum !== undefined) {
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      for (let i = 0; i < pgnos.length; i++) this.#checksum.add(pgnos[i] ?? 0, view, i * pageSize, pageSize);
    }
    await this.#sink.pages(pgnos, data);
  }

  async fileRead(summary: LTXFileSummary, file: LTXFileInfo): Promise<void> {
    // A file without pages gives its header only now.
    if (this.current !== file) await this.headerRead(summary.header, file);
    if (file === this.#plan.files.at(-1)) this.#expectedChecksum = summary.trailer.postApplyChecksum;
  }

  complete(): RestoredShape {
    if (this.#shape === undefined) throw new LSError("LS_INTERNAL", "a restore plan without files was applied");
    const { pageSize, commit, txid } = this.#shape;
    const wanted = commit >= lockPage(pageSize) ? commit - 1 : commit;
    if (this.#placed.size !== wanted) throw incoherent(txid, `${wanted - this.#placed.size} of ${wanted} pages are in none of them`);
    if (this.#checksum !== undefined && this.#checksum.value() !== this.#expectedChecksum) {
      throw incoherent(txid, "together they do not have the database checksum that the newest one records");
    }
    return this.#shape;
  }
}

function unusable(file: LTXFileInfo, why: string): UnusableFile {
  return new UnusableFile(file, new LTXError("LTX_CORRUPTED", why));
}

function incoherent(txid: bigint, why: string): LSError {
  return new LSError("LS_LTX_CORRUPTED", `the files that lead to TXID ${txid} are each intact, but ${why}`, { details: { txid } });
}
