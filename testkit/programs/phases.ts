import { closeSync, openSync, writeSync } from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { threadId } from "node:worker_threads";

/**
 * A preload (`--import`) that notes in a file what the replicator is doing to its files, and kills the process at a chosen
 * moment. It wraps the calls of node:fs that the product makes and the checkpoint statement of better-sqlite3, so the
 * product itself knows nothing of it. Each thread has its own 40 bytes of the file; the last 40 belong to a deliberate kill.
 */
const SLOT = 40;
const KILL_SLOT = 15;
const phaseFile = process.env.LS_PHASE_FILE ?? "";
const replica = process.env.LS_PHASE_REPLICA ?? "";
const database = process.env.LS_PHASE_DATABASE ?? "";
const [killPhase, killNth] = (process.env.LS_PHASE_KILL ?? "#0").split("#");

const require = createRequire(import.meta.url);
// `as`: wrapped functions are looked up by name; their own types do not matter here.
type Callable = (this: unknown, ...args: unknown[]) => unknown;
const fs = require("node:fs") as Record<string, unknown> & { promises: Record<string, Callable> };
const paths = new Map<number, string>();
const slot = Math.min(threadId, KILL_SLOT - 1) * SLOT;
const fd = openSync(phaseFile, "a+");
closeSync(fd);
const phaseFd = openSync(phaseFile, "r+");
const entered = new Set<string>();
let calls = 0;

function note(phase: string, at: number = slot): void {
  writeSync(phaseFd, phase.padEnd(SLOT).slice(0, SLOT), at);
}

/** Counts files, not calls: a file written in many pieces is entered once. Calls without a file, or on the WAL, count each. */
function enter(phase: string, path: string): void {
  note(phase);
  if (phase !== killPhase) return;
  entered.add(path === "" || phase === "wal sync" ? `call ${++calls}` : path);
  if (entered.size !== Number(killNth)) return;
  note(phase, KILL_SLOT * SLOT);
  process.kill(process.pid, "SIGKILL");
  // The signal is delivered on return to user mode; nothing may happen after it.
  for (;;);
}

/** What a file at the destination is stored for, by its level. */
function storingIn(path: string): "upload" | "merge" | "snapshot" {
  const level = /\/ltx\/(\d+)\//.exec(path)?.[1];
  if (level === "9") return "snapshot";
  return level === "0" ? "upload" : "merge";
}

/** The phase of a call on a path; `undefined` = not of interest. */
function phaseOf(call: "write" | "sync" | "rename", path: string): string | undefined {
  if (path === "") return undefined;
  if (path === `${database}-wal`) return call === "sync" ? "wal sync" : undefined;
  // Directories are synced too; only the files themselves count.
  if (replica !== "" && path.startsWith(`${replica}/`)) return path.includes(".ltx") ? `${storingIn(path)} ${call}` : undefined;
  if (/\/ls\/pages(\.tmp)?$/.test(path)) return "page table";
  if (/\/ltx\/0\/[^/]*\.ltx[^/]*$/.test(path) && !path.startsWith(replica)) return `staging ${call}`;
  return undefined;
}

function around(phase: string | undefined, path: string, after: string | undefined, body: () => unknown): unknown {
  if (phase === undefined) return body();
  enter(phase, path);
  const done = (value: unknown): unknown => {
    if (after !== undefined) enter(after, path);
    note("idle");
    return value;
  };
  const result = body();
  return result instanceof Promise ? result.then(done) : done(result);
}

function wrap(target: Record<string, unknown>, name: string, make: (original: Callable) => Callable): void {
  const original = target[name];
  if (typeof original === "function") target[name] = make(original as Callable); // `as`: checked to be a function
}

const AFTER_RENAME: Readonly<Record<string, string>> = {
  "staging rename": "staged",
  "upload rename": "uploaded",
  "merge rename": "merged",
  "snapshot rename": "snapshot stored",
};

const byPath =
  (call: "rename") =>
  (original: Callable): Callable =>
    function (this: unknown, ...args) {
      const phase = phaseOf(call, String(args[1] ?? args[0]));
      return around(phase, String(args[1]), AFTER_RENAME[phase ?? ""], () => original.apply(this, args));
    };
const byDescriptor =
  (call: "write" | "sync") =>
  (original: Callable): Callable =>
    function (this: unknown, ...args) {
      const path = paths.get(Number(args[0])) ?? "";
      return around(phaseOf(call, path), path, undefined, () => original.apply(this, args));
    };

/** The arguments of a call in node's convention, with something that happens before its callback. */
function withCallback(args: unknown[], before: Callable): unknown[] {
  const callback = args.at(-1) as Callable; // `as`: node's convention
  const done: Callable = function (...results) {
    before(...results);
    return callback.apply(this, results);
  };
  return [...args.slice(0, -1), done];
}

wrap(
  fs,
  "openSync",
  (original) =>
    function (this: unknown, ...args) {
      const opened = original.apply(this, args);
      paths.set(Number(opened), String(args[0]));
      return opened;
    },
);
for (const name of ["renameSync", "linkSync"]) wrap(fs, name, byPath("rename"));
for (const name of ["writeSync", "writevSync"]) wrap(fs, name, byDescriptor("write"));
for (const name of ["fsyncSync", "fdatasyncSync"]) wrap(fs, name, byDescriptor("sync"));
wrap(
  fs,
  "open",
  (original) =>
    function (this: unknown, ...args) {
      const path = String(args[0]);
      return original.apply(
        this,
        withCallback(args, (_, opened) => paths.set(Number(opened), path)),
      );
    },
);
for (const [name, call] of [
  ["write", "write"],
  ["fsync", "sync"],
  ["fdatasync", "sync"],
] as const) {
  wrap(fs, name, (original) => {
    const wrapped: Callable = function (this: unknown, ...args) {
      const path = paths.get(Number(args[0])) ?? "";
      const phase = phaseOf(call, path);
      if (phase === undefined) return original.apply(this, args);
      enter(phase, path);
      return original.apply(
        this,
        withCallback(args, () => note("idle")),
      );
    };
    // What promisify() goes by lies on the function.
    return Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(original));
  });
}
for (const name of ["rename", "link"]) wrap(fs.promises, name, byPath("rename"));
wrap(
  fs.promises,
  "unlink",
  (original) =>
    function (this: unknown, ...args) {
      const path = String(args[0]);
      const isRetention = replica !== "" && path.startsWith(`${replica}/`) && path.endsWith(".ltx");
      return around(isRetention ? "retention delete" : undefined, path, undefined, () => original.apply(this, args));
    },
);
syncBuiltinESMExports();

// `as`: the package's CommonJS export is its constructor; only the prototype's prepare is wrapped.
const Sqlite = require("better-sqlite3") as { prototype: Record<string, unknown> };
wrap(
  Sqlite.prototype,
  "prepare",
  (original) =>
    function (this: unknown, ...args) {
      const statement = original.apply(this, args) as Record<string, unknown>; // `as`: better-sqlite3's Statement
      if (/wal_checkpoint\((?!NOOP)/i.test(String(args[0]))) {
        wrap(
          statement,
          "get",
          (method) =>
            (...rest) =>
              around("checkpoint", "", undefined, () => method.apply(statement, rest)),
        );
      }
      return statement;
    },
);
note("idle");
