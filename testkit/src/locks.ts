import { readFileSync, statSync } from "node:fs";
import { Child } from "./child.js";

export interface LockProbeResult {
  /** Longest time one `BEGIN IMMEDIATE` took, in ms. */
  readonly longestMs: number;
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

  async stop(): Promise<LockProbeResult> {
    const result = await this.#child.command<LockProbeResult>("stop");
    await this.#child.kill();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.kill();
  }
}

/** One POSIX lock of a process, as the kernel reports it. */
export interface HeldLock {
  readonly pid: number;
  readonly mode: "READ" | "WRITE";
  readonly start: number;
  readonly end: number | "EOF";
}

/** The locks on one file, from /proc/locks; `pid` narrows it. Empty where the kernel has no such file. */
export function locksOn(path: string, pid?: number): HeldLock[] {
  let text: string;
  let inode: number;
  try {
    text = readFileSync("/proc/locks", "utf8");
    inode = statSync(path).ino;
  } catch {
    return [];
  }
  const held: HeldLock[] = [];
  for (const line of text.split("\n")) {
    // "1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF"; "->" marks a lock that is only waited for.
    const match = /^\d+: POSIX\s+\S+\s+(READ|WRITE)\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s+(\d+)\s+(\d+|EOF)/.exec(line);
    if (match === null || Number(match[3]) !== inode) continue;
    const owner = Number(match[2]);
    if (pid !== undefined && owner !== pid) continue;
    held.push({ pid: owner, mode: match[1] === "WRITE" ? "WRITE" : "READ", start: Number(match[4]), end: match[5] === "EOF" ? "EOF" : Number(match[5]) });
  }
  return held.sort((a, b) => a.pid - b.pid || a.start - b.start);
}

/** The locks on a database and its `-shm`, as comparable text lines. */
export function lockLines(databasePath: string, pid?: number): string[] {
  return [databasePath, `${databasePath}-shm`].flatMap((path, i) =>
    locksOn(path, pid).map((lock) => `${i === 0 ? "db" : "shm"} ${lock.pid} ${lock.mode} ${lock.start}-${lock.end}`),
  );
}
