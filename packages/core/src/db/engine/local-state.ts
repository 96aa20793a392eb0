import { rmSync, utimesSync } from "node:fs";
import { isLTXError, type LTXHeader, type TXID } from "@ls/ltx";
import type { Slicer } from "../../concurrency/slicer.js";
import { isLSError, LSError } from "../../errors.js";
import { type FileIdentity, sameFile } from "../../sqlite/borrowed-files.js";
import { frameSize } from "../../wal/frame.js";
import { WAL_HEADER_SIZE } from "../../wal/header.js";
import type { RecordedPosition, WALPosition } from "../../wal/reader.js";
import { type AtomicFileWriter, fileTimeSeconds } from "../meta/atomic-file.js";
import type { MetaDirectory } from "../meta/meta-directory.js";
import { PageTable } from "../meta/page-table.js";
import { loadPageTable, type PageTableStamp, savePageTable } from "../meta/page-table-file.js";
import type { EngineSettings, LocalPosition, PageHashes, StagedFile } from "../protocol.js";
import { CopyTerm } from "./copy-term.js";
import { type LTXFileFacts, readLTX, rollForward } from "./read-ltx.js";
import { StagedFiles } from "./staged-files.js";

/** A table that can be made again by reading no more than this need not be on the disk: files, and their bytes. */
const FEW_FILES = 16n;
/** Nor does it matter that so much lies beside a database that nothing happens to. */
const FEW_BYTES = 128 * 1024;

/** What of the settings counts here. */
export type CopySettings = Pick<EngineSettings, "localCopyMs" | "maxLocalCopyBytes">;

/** A state that has become durable. */
export interface Advance {
  readonly table: PageTable;
  /** The new file; `undefined` = the state is the one of the current TXID. */
  readonly file: StagedFile | undefined;
}

/**
 * What is known beside the database: position, page table, level-0 files. In memory it changes only after the disk did,
 * so a new process that reads the disk comes to the same conclusions.
 */
export class LocalState {
  readonly meta: MetaDirectory;
  readonly staged: StagedFiles;
  #txid: TXID = 0n;
  #timestampMs = 0;
  #table: PageTable | undefined;
  #stamp: PageTableStamp | undefined;
  /** TXID of the table on disk, and whether that one knows every page. */
  #savedTXID: TXID = 0n;
  #savedComplete = false;
  #newest: LTXHeader | undefined;
  #damagedTXID: TXID | undefined;
  #incoming: AtomicFileWriter | undefined;
  readonly #copies: CopyTerm;
  readonly #maxCopyBytes: number;

  private constructor(meta: MetaDirectory, { localCopyMs, maxLocalCopyBytes }: CopySettings) {
    this.meta = meta;
    this.staged = new StagedFiles(meta);
    this.#copies = new CopyTerm(localCopyMs);
    this.#maxCopyBytes = maxLocalCopyBytes;
  }

  /**
   * Loads the page table and verifies the level-0 files to their last byte: what is sent from here on is good. Damaged ones are dropped,
   * which leaves a hole that continuity deals with; only the newest may be fetched back.
   */
  static async load(meta: MetaDirectory, settings: CopySettings, slicer: Slicer): Promise<LocalState> {
    const state = new LocalState(meta, settings);
    const load = loadPageTable(meta.pageTablePath);
    if (load.status === "loaded") {
      state.#table = load.table;
      state.#stamp = load.stamp;
      state.#savedTXID = load.stamp.txid;
      state.#savedComplete = load.table.unknownPages() === 0;
      state.#txid = load.stamp.txid;
      state.#timestampMs = load.stamp.timestampMs;
    }
    await state.verifyNewest(slicer);
    await state.#dropDamagedOlder(slicer);
    return state;
  }

  async #dropDamagedOlder(slicer: Slicer): Promise<void> {
    const newest = this.staged.newest;
    const damaged: TXID[] = [];
    for (const file of this.staged.unacknowledged) if (file !== newest && (await readHeader(file, slicer)) === undefined) damaged.push(file.txid);
    if (damaged.length > 0) this.staged.discard(damaged);
  }

  get txid(): TXID {
    return this.#txid;
  }

  /** Header time of the current TXID. */
  get timestampMs(): number {
    return this.#timestampMs;
  }

  /** Header time for the next file: it never runs backwards, whatever the clock does. */
  nextTimestampMs(): number {
    return Math.max(Date.now(), this.#timestampMs);
  }

  /** The table of the current TXID; `undefined` = none is known. Entries may be unknown. */
  get table(): PageTable | undefined {
    return this.#table;
  }

  get position(): LocalPosition {
    return this.#damagedTXID === undefined ? { txid: this.#txid } : { txid: this.#txid, damagedTXID: this.#damagedTXID };
  }

  /** Reads the newest level-0 file; after it was put back, or an earlier one became the newest. */
  async verifyNewest(slicer: Slicer): Promise<void> {
    this.#damagedTXID = undefined;
    this.#newest = undefined;
    const newest = this.staged.newest;
    if (newest === undefined || newest.txid < this.#txid) return;
    this.#txid = newest.txid;
    this.#timestampMs = Math.max(this.#timestampMs, newest.timestampMs);
    this.#newest = await readHeader(newest, slicer);
    if (this.#newest === undefined) this.#damagedTXID = newest.txid;
    else this.#timestampMs = Math.max(this.#timestampMs, this.#newest.timestampMs);
  }

  /**
   * Takes the next piece of a good copy of the damaged newest file; with `final` the whole is put in its place and verified.
   * @returns whether the newest file is good now.
   */
  async putStaged(txid: TXID, chunk: Uint8Array, final: boolean, slicer: Slicer): Promise<{ accepted: boolean }> {
    if (this.#damagedTXID !== txid) throw new LSError("LS_INTERNAL", `level-0 file ${txid} is not the damaged one`);
    try {
      this.#incoming ??= this.meta.stage(txid);
      this.#incoming.write(chunk);
      if (!final) return { accepted: false };
      await this.#incoming.commitAsync();
    } catch (error) {
      this.#incoming?.abort();
      this.#incoming = undefined;
      throw error;
    }
    this.#incoming = undefined;
    this.staged.reload();
    await this.verifyNewest(slicer);
    const newest = this.staged.newest;
    if (this.#damagedTXID !== undefined || newest === undefined) return { accepted: false };
    const seconds = fileTimeSeconds(newest.timestampMs);
    utimesSync(newest.path, seconds, seconds);
    return { accepted: true };
  }

  /** Falls back behind the newest level-0 file. */
  async dropNewest(slicer: Slicer): Promise<void> {
    const newest = this.staged.newest;
    if (newest === undefined) return;
    // An older table can be rolled forward to the file before.
    if (this.#savedTXID >= newest.txid) this.#forgetTable();
    this.staged.removeAbove(newest.txid - 1n);
    this.#txid = newest.txid - 1n;
    await this.verifyNewest(slicer);
  }

  /**
   * Brings the page table to the current TXID by the local files after it. Without an unbroken run of good files a table remains
   * that knows the pages of the newest file only.
   */
  async rollForward(slicer: Slicer): Promise<void> {
    if (this.#txid === 0n || this.#stamp?.txid === this.#txid) return;
    if (this.#table !== undefined && this.#stamp !== undefined && (await this.#rollThrough(this.#table, this.#stamp.txid, slicer))) return;
    this.#table = undefined;
    const newest = this.staged.newest;
    if (this.#newest === undefined || newest?.txid !== this.#txid) return;
    // The first file of a history holds every page.
    const whole = new PageTable(this.#newest.pageSize);
    if (this.staged.runStart === 1n && (await this.#rollThrough(whole, 0n, slicer))) {
      this.#table = whole;
      return;
    }
    const table = new PageTable(this.#newest.pageSize);
    await rollForward(table, newest.path, slicer);
    this.#table = table;
  }

  /** The last place in the WAL that the current TXID includes, as far as it was recorded for this database file. */
  recordedPlace(identity: FileIdentity): RecordedPosition | undefined {
    if (this.#stamp !== undefined && !sameFile(this.#stamp.identity, identity)) return undefined;
    if (this.#stamp?.txid === this.#txid && this.#stamp.wal !== undefined) return this.#stamp.wal;
    const header = this.#newest;
    if (header === undefined || (header.walSalt1 === 0 && header.walSalt2 === 0)) return undefined;
    const frame = (header.walOffset + header.walSize - WAL_HEADER_SIZE) / frameSize(header.pageSize);
    return Number.isInteger(frame) && frame >= 0 ? { salt1: header.walSalt1, salt2: header.walSalt2, frame } : undefined;
  }

  /** Page size of the history so far. */
  get pageSize(): number | undefined {
    return this.#newest?.pageSize ?? this.#table?.pageSize;
  }

  /**
   * Takes the destination's state over as the local one: position and table. None of the level-0 files remains: they may be of another history, whatever
   * their TXIDs, and must neither be sent nor be merged in the place of the destination's.
   * @param base its hashes; `undefined` when an image follows.
   * @param rollTo keep the local position, and bring the base there by the local files up to this TXID; the destination's position
   * stands only where they cannot.
   * @returns what has to follow.
   */
  async rebase(
    after: { readonly txid: TXID; readonly timestampMs: number },
    base: PageHashes | undefined,
    rollTo: TXID | undefined,
    slicer: Slicer,
  ): Promise<"diff" | "image"> {
    let table = base === undefined ? undefined : PageTable.from(base);
    if (table !== undefined && rollTo !== undefined) {
      if (await this.#rollThrough(table, after.txid, slicer, rollTo)) {
        this.#table = table;
        return "diff";
      }
      table = undefined;
    }
    this.#forgetTable();
    this.staged.removeAll();
    this.#table = table;
    this.#newest = undefined;
    this.#txid = after.txid;
    this.noteTime(after.timestampMs);
    return table === undefined ? "image" : "diff";
  }

  /** The next file's time will not be lower. */
  noteTime(timestampMs: number): void {
    this.#timestampMs = Math.max(timestampMs, this.#timestampMs);
  }

  /** A state is durable on disk: the position moves. */
  advance({ table, file }: Advance): void {
    this.#table = table;
    this.#stamp = undefined;
    this.#newest = undefined;
    if (file === undefined) return;
    this.#txid = file.txid;
    this.#timestampMs = file.timestampMs;
    this.staged.add(file);
  }

  /** Whether the table on disk is older than the position. */
  get tableUnsaved(): boolean {
    return this.#savedTXID !== this.#txid;
  }

  /** Saves the table, and deletes level-0 files that only it still needed. */
  saveTable(identity: FileIdentity, wal: WALPosition | undefined): void {
    if (this.#table === undefined || this.#txid === 0n) return;
    const stamp = { txid: this.#txid, timestampMs: this.#timestampMs, identity, wal };
    const { meta } = this;
    const table = this.#table;
    const save = (): void => savePageTable(meta.pageTablePath, table, stamp, meta.owner);
    try {
      save();
    } catch (error) {
      if (!this.#madeRoomFor(error)) throw error;
      save();
    }
    this.#stamp = stamp;
    this.#savedTXID = this.#txid;
    this.#savedComplete = this.#table.unknownPages() === 0;
    this.prune();
  }

  /**
   * Makes sure that the table of the current TXID is not lost with the process: it is saved, unless a few small level-0 files bring a new process
   * to the same one. Those stay as long as the table on disk is older than they are.
   */
  keepTable(identity: FileIdentity, wal: WALPosition | undefined): void {
    // A table that is on the disk already is recalled by its stamp, so the two must not differ.
    if (this.tableUnsaved && this.#isSoonMade()) this.#stamp = { txid: this.#txid, timestampMs: this.#timestampMs, identity, wal };
    else this.saveTable(identity, wal);
  }

  /** Whether the table of the current TXID and of this database file is safe: see {@link LocalState.keepTable}. */
  isKeptFor(identity: FileIdentity): boolean {
    return this.#isStampedFor(identity) && (!this.tableUnsaved || this.#isSoonMade());
  }

  /** Whether the table on disk is the one of the current TXID and of this database file, so that a start could go on from it. */
  isSavedFor(identity: FileIdentity): boolean {
    return this.#isStampedFor(identity) && !this.tableUnsaved;
  }

  #isStampedFor(identity: FileIdentity): boolean {
    return this.#stamp?.txid === this.#txid && sameFile(this.#stamp.identity, identity);
  }

  /** Whether the table on disk, or none, is brought to the current TXID by the local files, and those are few. */
  #isSoonMade(): boolean {
    const { staged } = this;
    if (this.#table === undefined || staged.newest?.txid !== this.#txid || this.#txid - this.#savedTXID > FEW_FILES) return false;
    const { runStart } = staged;
    if (runStart === undefined || staged.bytesAbove(this.#savedTXID) > FEW_BYTES) return false;
    return this.#savedTXID === 0n ? runStart === 1n : this.#savedComplete && runStart <= this.#savedTXID + 1n;
  }

  /** Gives the memory of a saved table back, until {@link LocalState.recallTable}. */
  forgetTableForNow(): void {
    if (!this.tableUnsaved) this.#table = undefined;
  }

  /** @returns whether what lies on the disk is what was left there; otherwise this state is of no use. */
  recallTable(): boolean {
    if (this.meta.newestStaged() !== (this.staged.newest?.txid ?? 0n)) return false;
    if (this.tableUnsaved) return this.#table !== undefined;
    const load = loadPageTable(this.meta.pageTablePath);
    const stamp = this.#stamp;
    if (load.status !== "loaded" || stamp === undefined || !sameStamp(load.stamp, stamp)) return false;
    this.#table = load.table;
    return true;
  }

  /** Level 1 holds everything up to this TXID: no merge reads these files any more. */
  async merged(txid: TXID, slicer: Slicer): Promise<void> {
    this.#copies.merged(txid);
    while (this.prune()) if (slicer.due) await slicer.pause();
  }

  /** Deletes some of the level-0 files that nothing needs. @returns whether there were any. */
  prune(maxCopyBytes: number = this.#maxCopyBytes): boolean {
    const releasedTXID = this.#copies.releasedTXID(this.staged.acknowledgedTXID, performance.now());
    return this.staged.prune({ savedTXID: this.#savedTXID, releasedTXID, maxBytes: maxCopyBytes });
  }

  /** Nothing happens to the database for a while: only few bytes stay for a merge. */
  leaveFewCopies(): void {
    while (this.prune(Math.min(this.#maxCopyBytes, FEW_BYTES)));
  }

  /**
   * Does what needs room on the disk. Where there is none, the level-0 files that only spare requests make room first.
   * @param work may be done twice.
   */
  async withRoom<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!this.#madeRoomFor(error)) throw error;
    }
    return work();
  }

  #madeRoomFor(error: unknown): boolean {
    if (!isLSError(error, "LS_DISK_FULL") || !this.prune(0)) return false;
    while (this.prune(0));
    return true;
  }

  /** Order matters: this comes before files go, because a table above the newest file would be taken for the position at the next start. */
  #forgetTable(): void {
    rmSync(this.meta.pageTablePath, { force: true });
    this.#savedTXID = 0n;
    this.#stamp = undefined;
    this.#table = undefined;
  }

  /** Applies local files `after` + 1 … to a table; `false` = one is missing or damaged, and the table is of no use. */
  async #rollThrough(table: PageTable, after: TXID, slicer: Slicer, to: TXID = this.#txid): Promise<boolean> {
    for (let txid = after + 1n; txid <= to; txid++) {
      const path = this.staged.path(txid);
      if (path === undefined) return false;
      let facts: LTXFileFacts;
      try {
        facts = await rollForward(table, path, slicer);
      } catch (error) {
        if (isLTXError(error)) return false;
        throw error;
      }
      if (facts.header.pageSize !== table.pageSize) return false;
    }
    return true;
  }
}

function sameStamp(a: PageTableStamp, b: PageTableStamp): boolean {
  return (
    a.txid === b.txid && sameFile(a.identity, b.identity) && a.wal?.salt1 === b.wal?.salt1 && a.wal?.salt2 === b.wal?.salt2 && a.wal?.frame === b.wal?.frame
  );
}

/** The header of a level-0 file that is good to its last byte; `undefined` for any other. */
async function readHeader({ path, txid }: StagedFile, slicer: Slicer): Promise<LTXHeader | undefined> {
  try {
    const { header } = await readLTX(path, () => {}, slicer);
    return header.minTXID === txid && header.maxTXID === txid ? header : undefined;
  } catch (error) {
    if (isLTXError(error)) return undefined;
    throw error;
  }
}
