import type { TXID } from "@ls/ltx";
import type { Slicer } from "../../concurrency/slicer.js";
import { LSError } from "../../errors.js";
import type { BorrowedFile, FileIdentity } from "../../sqlite/borrowed-files.js";
import type { SQLiteDriver } from "../../sqlite/driver.js";
import type { ReadMark } from "../../sqlite/read-mark.js";
import type { VersionGate } from "../../sqlite/version-gate.js";
import { frameEnd, WAL_FRAME_HEADER_SIZE } from "../../wal/frame.js";
import { type ReadAt, startOf, type WALPosition } from "../../wal/reader.js";
import type { EngineEvent, EngineSettings } from "../protocol.js";
import { Capture } from "./capture.js";
import { cutCapture } from "./capture-cut.js";
import { type CommittedEnd, readCommittedEnd } from "./committed-end.js";
import { Connections } from "./connections.js";
import { Doubt } from "./doubt.js";
import type { LocalState } from "./local-state.js";
import { ReadMarks } from "./read-marks.js";
import { isFolded } from "./rest/rest-decision.js";
import { SnapshotStream } from "./snapshot-stream.js";
import { SnapshotView } from "./snapshot-view.js";
import { type StateOutcome, stageState } from "./stage-state.js";
import { TableBuilder } from "./table-builder.js";
import { Takeover } from "./takeover.js";
import { WalFile } from "./wal-file.js";

/** What every attachment of one engine is made with. */
export interface AttachedContext {
  readonly driver: SQLiteDriver;
  readonly gate: VersionGate;
  readonly settings: EngineSettings;
  readonly local: LocalState;
  readonly emit: (event: EngineEvent) => void;
  readonly barrierPatienceMs: number;
}

/** Attempts to read a state before a writer restarts the WAL under it: a matter of microseconds. */
const VIEW_ATTEMPTS = 3;
/** Frames not yet in the database file that are worth a sync of their own before the mark moves. */
const LONG_TAIL_FRAMES = 1000;
/** A snapshot that nobody reads for so long is given up, ms: the WAL cannot restart under it. */
const SNAPSHOT_IDLE_MS = 5 * 60_000;

/** What a look found. */
export interface Look {
  /** A cut has to come before the next look. */
  readonly cutFirst: boolean;
  /** Everything was in the database file when the mark moved: the next commit restarts the WAL. */
  readonly restartDue: boolean;
  readonly end: CommittedEnd;
  readonly checkpointed: boolean;
}

/**
 * Our connections, the read mark and the capture on one database, from the moment the mark is taken. Nothing here decides when; every
 * method is one operation of the engine's queue. A {@link Doubt} means that this attachment is over.
 */
export class Attached {
  readonly pageSize: number;
  readonly #context: AttachedContext;
  readonly #connections: Connections;
  readonly #marks: ReadMarks;
  readonly #wal: WalFile;
  readonly #takeover: Takeover;
  #capture: Capture | undefined;
  #builder: TableBuilder | undefined;
  #snapshot: SnapshotStream | undefined;
  #cutPosition: WALPosition | undefined;
  /** When the oldest commit that waits in the capture was first seen, ms since the epoch. */
  #oldestCommitMs: number | undefined;

  /** Opens the connections and takes the mark. */
  constructor(context: AttachedContext) {
    const { driver, settings, gate, emit, barrierPatienceMs } = context;
    this.#context = context;
    this.#wal = new WalFile(settings.path);
    this.#connections = new Connections(driver, settings.path, gate);
    try {
      this.pageSize = this.#connections.pageSize();
      this.#marks = new ReadMarks(this.#connections.keeper);
    } catch (error) {
      this.#connections.close();
      throw error;
    }
    this.#takeover = new Takeover({
      connections: this.#connections,
      marks: this.#marks,
      capture: this,
      readEnd: () => this.readEnd(),
      emit,
      barrierPatienceMs,
      walBytes: (frames) => frameEnd(frames, this.pageSize),
    });
  }

  get identity(): FileIdentity {
    return this.#connections.database.identity;
  }

  /** The last frame that the current TXID includes, as far as it is one. */
  get cutPosition(): WALPosition | undefined {
    return this.#cutPosition;
  }

  /** Frames go by without being captured; {@link resync} ends that. */
  get skipping(): boolean {
    return this.#capture === undefined;
  }

  /** A snapshot is being read. */
  get snapshotting(): boolean {
    return this.#snapshot !== undefined;
  }

  /** Whether the WAL holds nothing that is not captured, in the database file, and visible: see {@link isFolded}. */
  isFolded(): boolean {
    const end = this.readEnd();
    // Order matters: a commit that becomes visible between the two reads is found behind the end.
    const next = new Uint8Array(WAL_FRAME_HEADER_SIZE);
    const length = this.readAt(next, frameEnd(end.frames, this.pageSize));
    return !this.isDirty(end) && isFolded(end, this.#wal.size(), next.subarray(0, length));
  }

  /** Somebody else's reader holds up checkpoints. */
  get readerBlocks(): boolean {
    return this.#snapshot === undefined && this.#takeover.readerBlocks;
  }

  readonly readAt: WalFile["readAt"] = (into, position) => this.#wal.readAt(into, position);

  /** Where the committed frames end now. */
  readEnd(): CommittedEnd {
    return readCommittedEnd(this.#wal.readAt, this.#connections.status);
  }

  /** @throws Doubt when database or WAL are other files than the ones that were attached. */
  checkIdentity(): void {
    if (!this.#connections.database.atPath()) throw new Doubt("the database file was replaced");
    this.#wal.checkIdentity();
  }

  /** @throws Doubt when the WAL file has lost committed frames. */
  checkLength(): void {
    const { frames } = this.readEnd();
    if (frames > 0 && this.#wal.size() < frameEnd(frames, this.pageSize)) throw new Doubt("the WAL file was truncated");
  }

  /** Whether commits exist that no level-0 file holds. */
  isDirty(end: CommittedEnd): boolean {
    return this.#capture === undefined || !this.#capture.empty || this.#capture.isBehind(end);
  }

  /** Notes when a commit was first seen. */
  noteDirty(nowMs: number): void {
    this.#oldestCommitMs ??= nowMs;
  }

  /** Goes on from a place in the WAL that is proven. */
  captureFrom(position: WALPosition): void {
    this.#capture = new Capture(this.#wal.readAt, this.pageSize, position);
    this.#cutPosition = position;
  }

  /** Gives up the captured frames: until {@link resync} only marks and checkpoints go on. */
  skip(): void {
    this.#capture = undefined;
    this.#closeBuilder();
  }

  /**
   * Compares the database with the table of the current TXID (or takes all of it) and cuts what differs as the next TXID; capture goes on
   * behind that state. The mark does not move meanwhile.
   */
  async resync(how: "diff" | "image", slicer: Slicer): Promise<StateOutcome> {
    const { local } = this.#context;
    this.skip();
    this.#marks.move();
    const end = this.readEnd();
    const view = await SnapshotView.take(this.#viewParts(), this.#marks.current, end, slicer);
    await this.#wal.sync();
    const oldestCommitMs = this.#oldestCommitMs ?? Date.now();
    const outcome = await stageState({ local, view, how, oldestCommitMs, emit: this.#context.emit }, slicer);
    this.#oldestCommitMs = undefined;
    this.#capture = new Capture(this.#wal.readAt, this.pageSize, view.position);
    this.#cutPosition = view.position;
    return outcome;
  }

  /**
   * Cuts what is committed, at most one capture full of it.
   * @param upTo an end that was read since the mark moved last, and what the file may not go beyond. Default: what is committed now.
   * @returns whether more remains.
   */
  async cut(slicer: Slicer, upTo?: CommittedEnd): Promise<boolean> {
    const capture = this.#capture;
    if (capture === undefined) throw new LSError("LS_INTERNAL", "nothing is captured");
    this.checkIdentity();
    const end = upTo ?? this.readEnd();
    if (capture.isBehind(end)) this.noteDirty(Date.now());
    await capture.grab(end, slicer);
    const taken = capture.take();
    if (taken === undefined) return false;
    // Before the file may leave this machine, the local disk must hold what is in it.
    await this.#wal.sync();
    const { local } = this.#context;
    const txid = local.txid + 1n;
    const timestampMs = local.nextTimestampMs();
    const table = local.table;
    if (table === undefined) throw new LSError("LS_INTERNAL", "capture runs without a page table");
    const options = { meta: local.meta, txid, timestampMs, previousCommit: table.commit, view: () => this.#viewOfCapture(capture, end, slicer) };
    const { size, pgnos, hashes } = await local.withRoom(() => cutCapture(capture, taken, options, slicer));
    table.resize(taken.commit);
    table.update(pgnos, pgnos.length, hashes);
    capture.clear();
    this.#cutPosition = capture.position;
    const file = {
      txid,
      path: local.meta.stagedFile(txid),
      size,
      timestampMs,
      pageCount: pgnos.length,
      oldestCommitMs: this.#oldestCommitMs ?? timestampMs,
    };
    local.advance({ table, file });
    const more = capture.isBehind(end);
    this.#oldestCommitMs = more ? Date.now() : undefined;
    this.#context.emit({ type: "staged", file });
    if (this.#oldestCommitMs !== undefined) this.#context.emit({ type: "dirty", sinceMs: this.#oldestCommitMs });
    return more;
  }

  /**
   * Takes hold of the newest state, cuts up to exactly that one, and makes a file of the whole of it as it is read.
   * @returns the TXID of the state.
   */
  async openSnapshot(slicer: Slicer): Promise<TXID> {
    if (this.#snapshot !== undefined) throw new LSError("LS_INTERNAL", "a snapshot is being read already");
    const mark = this.#connections.openReader();
    try {
      const { view, end } = await this.#viewOfNow(mark, slicer);
      while (await this.cut(slicer, end)) if (slicer.due) await slicer.pause();
      const { local } = this.#context;
      const { txid } = local;
      this.#snapshot = new SnapshotStream(view, mark, { txid, timestampMs: local.nextTimestampMs() });
      return txid;
    } catch (error) {
      mark.connection.close();
      throw error;
    }
  }

  /** The next bytes of the snapshot; `undefined` = it has ended. */
  async readSnapshot(slicer: Slicer): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#snapshot === undefined) throw new LSError("LS_NOT_READY", "the state of the snapshot is held no longer", { retryable: true });
    try {
      const chunk = await this.#snapshot.read(slicer);
      if (chunk === undefined) this.closeSnapshot();
      return chunk;
    } catch (error) {
      this.closeSnapshot();
      throw error;
    }
  }

  /** Gives the snapshot up. Idempotent. */
  closeSnapshot(): void {
    this.#snapshot?.close();
    this.#snapshot = undefined;
  }

  /** Gives up a snapshot that nobody reads any more. */
  closeIdleSnapshot(now: number): void {
    if (this.#snapshot !== undefined && now - this.#snapshot.lastRead > SNAPSHOT_IDLE_MS) this.closeSnapshot();
  }

  /**
   * Goes on building a page table that is not complete.
   * @returns whether nothing remains to be built.
   */
  async buildTable(slicer: Slicer): Promise<boolean> {
    const capture = this.#capture;
    const { table } = this.#context.local;
    if (capture === undefined || table === undefined) return true;
    if (this.#builder === undefined) {
      if (table.unknownPages() === 0) return true;
      const mark = this.#connections.openReader();
      try {
        mark.begin();
        const end = this.readEnd();
        await this.grab(end, slicer);
        if (capture.isBehind(end)) {
          // Too much at once: a cut has to make room.
          mark.connection.close();
          return false;
        }
        this.#builder = new TableBuilder(await SnapshotView.take(this.#viewParts(), mark, end, slicer), mark);
      } catch (error) {
        mark.connection.close();
        throw error;
      }
    }
    if (!this.#builder.step(table, capture, slicer)) return false;
    this.#closeBuilder();
    return true;
  }

  /**
   * Takes new frames, moves the mark, and checkpoints where that is due.
   * @param due whether a checkpoint waits for `minCheckpointPages`; beyond `maxWalBytes` none does.
   */
  async look(due: "threshold" | "now", slicer: Slicer): Promise<Look> {
    const { gate, settings } = this.#context;
    this.checkIdentity();
    await this.#syncLongTail(this.readEnd());
    let result = await this.#takeover.look(slicer);
    let end = this.readEnd();
    const walBytes = frameEnd(end.frames, this.pageSize);
    const wanted = due === "now" || end.frames >= settings.minCheckpointPages || walBytes > settings.maxWalBytes;
    const checkpointed = result === "partial" && gate.takeover && wanted && end.frames > end.backfilled;
    if (checkpointed) {
      result = await this.#takeover.checkpoint(this.#barrierAllowed(end), slicer);
      end = this.readEnd();
      if (result === "partial" && this.#barrierAllowed(end)) {
        result = this.#takeover.barrier();
        end = this.readEnd();
      }
      if (result === "complete") this.#context.emit({ type: "checkpointed", walBytes: frameEnd(end.frames, this.pageSize) });
    }
    return { cutFirst: result === "cut-first", restartDue: result === "complete", end, checkpointed };
  }

  // What the takeover gives the frames to.

  get mustCut(): boolean {
    return this.#capture?.mustCut ?? false;
  }

  async grab(end: CommittedEnd, slicer: Slicer): Promise<void> {
    if (this.#capture?.isBehind(end)) this.noteDirty(Date.now());
    await this.#capture?.grab(end, slicer);
  }

  grabNow(end: CommittedEnd): void {
    if (this.#capture?.isBehind(end)) this.noteDirty(Date.now());
    this.#capture?.grabNow(end);
  }

  /** Ends the mark and closes everything; the WAL stays as it is. Safe whatever the application has open. */
  close(): void {
    this.#closeBuilder();
    this.closeSnapshot();
    this.#wal.close();
    this.#connections.close();
  }

  /**
   * Whoever checkpoints first after the mark has moved syncs the WAL first, and often that is the application, inside a commit. So a long
   * tail goes to the disk before, while nobody waits for it. Measured at full speed: a tenth more commits, the slowest half as slow.
   */
  async #syncLongTail({ frames, backfilled }: CommittedEnd): Promise<void> {
    if (frames - backfilled > LONG_TAIL_FRAMES) await this.#wal.sync();
  }

  #barrierAllowed(end: CommittedEnd): boolean {
    const { checkpointBarrier, maxWalBytes } = this.#context.settings;
    // Under a snapshot of our own it would hold writers up for nothing.
    if (this.#snapshot !== undefined || this.#takeover.readerBlocks) return false;
    return checkpointBarrier === "emergency" && frameEnd(end.frames, this.pageSize) > maxWalBytes;
  }

  /** The newest state, held by `mark`, and where the committed frames ended in it. */
  async #viewOfNow(mark: ReadMark, slicer: Slicer): Promise<{ readonly view: SnapshotView; readonly end: CommittedEnd }> {
    for (let attempt = 1; ; attempt++) {
      mark.begin();
      const end = this.readEnd();
      try {
        return { view: await SnapshotView.take(this.#viewParts(), mark, end, slicer), end };
      } catch (error) {
        // Everything may be in the database file, and a writer then starts the WAL anew between two of our reads.
        if (!(error instanceof Doubt) || attempt === VIEW_ATTEMPTS) throw error;
      }
      mark.end();
    }
  }

  /** The state at the last captured frame. */
  async #viewOfCapture(capture: Capture, end: CommittedEnd, slicer: Slicer): Promise<SnapshotView> {
    const { position } = capture;
    const parts = this.#viewParts();
    const { header } = end;
    // A restart that is prepared: everything captured is in the database file, and its frames may be being overwritten.
    if (header === undefined || end.frames === 0 || position === undefined) return SnapshotView.ofFile(parts);
    return SnapshotView.upTo(parts, startOf(header), position.frame, slicer);
  }

  #viewParts(): { readonly database: BorrowedFile; readonly readAt: ReadAt; readonly pageSize: number } {
    return { database: this.#connections.database, readAt: this.#wal.readAt, pageSize: this.pageSize };
  }

  #closeBuilder(): void {
    this.#builder?.close();
    this.#builder = undefined;
  }
}
