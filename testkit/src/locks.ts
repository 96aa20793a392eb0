import { readdirSync, readFileSync, statSync } from "node:fs";
import { Child } from "./child.js";

export interface LockProbeResult {
  /** Longest time one `BEGIN IMMEDIATE` took, in ms. */
  readonly longestMs: number;
  /** All of these times, in order. */
  readonly waitsMs: readonly number[];
  readonly probes: number;
  /** How many gave up after their timeout. */
  readonly refused: number;
}

/** Tries `BEGIN IMMEDIATE` every 5 ms from another process and records the longest wait. */
export class LockProbe implements AsyncDisposable {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static async start(path: string, options: { readonly everyMs?: number; readonly timeoutMs?: number } = {}): Promise<LockProbe> {
    const child = new Child("lock-prober");
    await child.command("start", { path, everyMs: options.everyMs ?? 5, timeoutMs: options.timeoutMs ?? 10_000 });
    return new LockProbe(child);
  }

  /** How often it has tried. */
  count(): Promise<number> {
    return this.#child.command<number>("count");
  }

  async stop(): Promise<LockProbeResult> {
    const result = await this.#child.command<LockProbeResult>("stop");
    await this.#child.kill();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.kill();
  }
}

/** One POSIX lock, as the kernel reports it. */
export interface HeldLock {
  readonly mode: "READ" | "WRITE";
  readonly start: number;
  readonly end: number | "EOF";
}

/**
 * The locks of a process on one file, from its descriptors' own lists: /proc/locks leaves lines out while locks come and go.
 * Empty where the kernel has no such lists.
 */
export function locksOn(path: string, pid: number): HeldLock[] {
  let descriptors: string[];
  let inode: number;
  try {
    descriptors = readdirSync(`/proc/${pid}/fdinfo`);
    inode = statSync(path).ino;
  } catch {
    return [];
  }
  const held: HeldLock[] = [];
  for (const fd of descriptors) {
    for (const [, mode, lockedInode, start, end] of lockListOf(pid, fd)) {
      if (Number(lockedInode) !== inode) continue;
      held.push({ mode: mode === "WRITE" ? "WRITE" : "READ", start: Number(start), end: end === "EOF" ? "EOF" : Number(end) });
    }
  }
  return held.sort((a, b) => a.start - b.start);
}

/** "lock:  1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 120 120": mode, inode, first and last byte. */
const LOCK_LINE = /^lock:\s+\d+: POSIX\s+\S+\s+(READ|WRITE)\s+\d+\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s+(\d+)\s+(\d+|EOF)/gm;

function lockListOf(pid: number, fd: string): Iterable<RegExpMatchArray> {
  try {
    return readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8").matchAll(LOCK_LINE);
  } catch {
    return []; // Closed meanwhile.
  }
}

/** The locks of a process on a database and its `-shm`, as comparable text lines. */
export function lockLines(databasePath: string, pid: number): string[] {
  return [databasePath, `${databasePath}-shm`].flatMap((path, i) =>
    locksOn(path, pid).map((lock) => `${i === 0 ? "db" : "shm"} ${lock.mode} ${lock.start}-${lock.end}`),
  );
}
