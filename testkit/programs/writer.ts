import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { PhaseFile } from "../src/phase.js";
import { Random } from "../src/random.js";
import { type Action, Workload } from "../src/workload.js";
import type { WriterOpen } from "../src/writer.js";
import { serve } from "./serve.js";

/** The writer zoo's process: one application connection, told what to do over IPC. */
let db: Database.Database | undefined;
let reader: Database.Database | undefined;
let workload: Workload | undefined;
let phase: PhaseFile | undefined;
let running = false;
let stopped: Promise<void> = Promise.resolve();
let failure: unknown;

function at<T>(name: string, body: () => T): T {
  phase?.set(name);
  try {
    return body();
  } finally {
    phase?.set("idle");
  }
}

function connection(): Database.Database {
  if (db === undefined) throw new Error("open first");
  return db;
}

function zoo(): Workload {
  if (workload === undefined) throw new Error("open first");
  return workload;
}

function step(): Action {
  return at("transaction", () => zoo().step());
}

async function runUntilPaused(perSecond: number | undefined): Promise<void> {
  const start = performance.now();
  for (let n = 0; running; n++) {
    try {
      step();
    } catch (error) {
      failure = error;
      running = false;
      return;
    }
    await nextTurn();
    if (perSecond !== undefined) {
      const early = start + (n * 1000) / perSecond - performance.now();
      if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    }
  }
}

serve({
  open(params: WriterOpen) {
    if (params.phasePath !== undefined) phase = new PhaseFile(params.phasePath);
    const busyTimeoutMs = params.busyTimeoutMs ?? 10_000;
    db = new Database(params.path, { timeout: busyTimeoutMs });
    // Page size and auto_vacuum hold only while the file is empty, and before WAL mode.
    if (params.pageSize !== undefined) db.pragma(`page_size = ${params.pageSize}`);
    if (params.workload === "incremental-vacuum") db.pragma("auto_vacuum = INCREMENTAL");
    db.pragma("journal_mode = WAL");
    db.pragma(`synchronous = ${params.synchronous ?? "NORMAL"}`);
    const checkpoints = params.checkpoints ?? true;
    if (!checkpoints) db.pragma("wal_autocheckpoint = 0");
    workload = new Workload(db, new Random(params.seed), params.workload, { busyTimeoutMs, checkpoints });
    return { committed: workload.committed };
  },
  step({ count }: { count: number }) {
    const actions: Action[] = [];
    for (let i = 0; i < count; i++) actions.push(step());
    return { committed: zoo().committed, actions };
  },
  act({ action }: { action: Action }) {
    at(action.startsWith("checkpoint") ? "checkpoint" : "transaction", () => zoo().run(action));
    return { committed: zoo().committed };
  },
  /** Like `act`, but the process dies by SIGKILL within `withinMs` after it has begun. */
  async actAndDie({ action, withinMs }: { action: Action; withinMs: number }) {
    const assassin = new Worker(new URL("./assassin.js", import.meta.url));
    await once(assassin, "online");
    const trigger = new Int32Array(new SharedArrayBuffer(4));
    assassin.postMessage({ trigger, withinMs });
    await once(assassin, "message");
    at("checkpoint", () => {
      Atomics.store(trigger, 0, 1);
      Atomics.notify(trigger, 0);
      zoo().run(action);
    });
  },
  huge({ bytes }: { bytes: number }) {
    at("transaction", () => zoo().huge(bytes));
    return { committed: zoo().committed };
  },
  run({ perSecond }: { perSecond?: number }) {
    if (running) return;
    running = true;
    stopped = runUntilPaused(perSecond);
  },
  async pause() {
    running = false;
    await stopped;
    if (failure !== undefined) throw failure;
    return { committed: zoo().committed };
  },
  committed() {
    return { committed: zoo().committed };
  },
  beginOpen() {
    connection().exec("BEGIN IMMEDIATE");
    zoo().fillOpenTransaction();
    phase?.set("open transaction");
  },
  endOpen({ commit }: { commit: boolean }) {
    connection().exec(commit ? "COMMIT" : "ROLLBACK");
    phase?.set("idle");
    return { committed: zoo().committed };
  },
  beginRead({ path }: { path: string }) {
    reader = new Database(path, { readonly: true });
    reader.exec("BEGIN");
    return { committed: reader.prepare("SELECT count(*) FROM ledger").pluck().get() };
  },
  endRead() {
    reader?.close();
    reader = undefined;
  },
  sql({ text }: { text: string }) {
    connection().exec(text);
  },
  async close() {
    running = false;
    await stopped;
    reader?.close();
    db?.close();
    db = undefined;
    workload = undefined;
  },
});
