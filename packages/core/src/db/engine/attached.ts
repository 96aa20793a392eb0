import type { Slicer } from "../../concurrency/slicer.js";
import { LSError } from "../../errors.js";
import type { FileIdentity } from "../../sqlite/borrowed-files.js";
import type { SQLiteDriver } from "../../sqlite/driver.js";
import type { VersionGate } from "../../sqlite/version-gate.js";
import { frameEnd, WAL_FRAME_HEADER_SIZE } from "../../wal/frame.js";
import type { WALPosition } from "../../wal/reader.js";
import type { EngineEvent, EngineSettings } from "../protocol.js";
import { Capture } from "./capture.js";
import { cutCapture } from "./capture-cut.js";
import { type CommittedEnd, readCommittedEnd } from "./committed-end.js";
import { Connections } from "./connections.js";
import { Doubt } from "./doubt.js";
import { HeldSnapshot } from "./held-snapshot.js";
import type { LocalState } from "./local-state.js";
import { ReadMarks } from "./read-marks.js";
import { isFolded } from "./rest/rest-decision.js";
import { type StateOutcome, stageState } from "./stage-state.js";
import { TableCompletion } from "./table-completion.js";
import { Takeover } from "./takeover.js";
import { ViewSource } from "./view-source.js";
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

/** Frames not yet in the database file that are worth a sync of their own before the mark moves. */
const LONG_TAIL_FRAMES = 1000;

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
  readonly snapshot: HeldSnapshot;
  readonly #context: AttachedContext;
  readonly #connections: Connections;
  readonly #marks: ReadMarks;
  readonly #wal: WalFile;
  readonly #takeover: Takeover;
  readonly #views: ViewSource;
  readonly #completion: TableCompletion;
  #capture: Capture | undefined;
  #cutPosition: WALPosition | undefined;
  /** When the oldest commit that waits in the capture was first seen, ms since the epoch. */
  #oldestCommitMs: number | undefined;

  /** Opens the connections and takes the mark. */
  constructor(context: AttachedContext) {
    const { driver, settings, gate, local, emit, barrierPatienceMs } = context;
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
    const connections = this.#connections;
    const readEnd = (): CommittedEnd => this.readEnd();
    this.#takeover = new Takeover({
      connections,
      marks: this.#marks,
      capture: this,
      readEnd,
      emit,
      barrierPatienceMs,
      walBytes: (frames) => frameEnd(frames, this.pageSize),
    });
    const views = new ViewSource({ database: connections.database, readAt: this.#wal.readAt, pageSize: this.pageSize, readEnd });
    this.#views = views;
    this.snapshot = new HeldSnapshot({ connections, views, local, cut: (end, slicer) => this.cut(slicer, end) });
    this.#completion = new TableCompletion({ connections, views, local, readEnd, grab: (end, slicer) => this.grab(end, slicer) });
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
    return !this.snapshot.isOpen && this.#takeover.readerBlocks;
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
    this.#completion.close();
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
    const view = await this.#views.at(end, this.#marks.current, slicer);
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
    const options = { meta: local.meta, txid, timestampMs, previousCommit: table.commit, view: () => this.#views.captured(capture.position, end, slicer) };
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
   * Goes on building a page table that is not complete.
   * @returns whether nothing remains to be built.
   */
  async buildTable(slicer: Slicer): Promise<boolean> {
    return this.#capture === undefined || this.#completion.step(this.#capture, slicer);
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
    this.#completion.close();
    this.snapshot.close();
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
    if (this.snapshot.isOpen || this.#takeover.readerBlocks) return false;
    return checkpointBarrier === "emergency" && frameEnd(end.frames, this.pageSize) > maxWalBytes;
  }
}
