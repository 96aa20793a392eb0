import { createInterface } from "node:readline";
import Database from "better-sqlite3";
import type { WriterAnswer, WriterRequest } from "../app/writer-protocol.js";
import { latencies } from "../common/statistics.js";

/** The application: one connection that commits small transactions, as fast as it can or at a fixed rate, and times each. */

const COUNTERS = 5000;
const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: commit-writer DB");
const db = new Database(path, { timeout: 5000 });
db.pragma("journal_mode = WAL");
db.pragma("synchronous = NORMAL");
db.pragma("wal_autocheckpoint = 1000");
db.exec("CREATE TABLE entry(id INTEGER PRIMARY KEY, ref INTEGER, note TEXT); CREATE TABLE counter(id INTEGER PRIMARY KEY, value INTEGER)");
const insertEntry = db.prepare("INSERT INTO entry(ref, note) VALUES (?, ?)");
const setCounter = db.prepare("INSERT OR REPLACE INTO counter(id, value) VALUES (?, ?)");
const note = "x".repeat(90);
const commit = db.transaction((n: number) => {
  insertEntry.run(n, note);
  insertEntry.run(n, note);
  // Spread over the table, so that commits touch old pages too.
  setCounter.run((n * 7919) % COUNTERS, n);
});

function answer(message: WriterAnswer): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function work({ seconds, commitsPerSecond }: WriterRequest): WriterAnswer {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let samples = new Float64Array(1 << 16);
  let count = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  let now = start;
  while (now < end) {
    if (commitsPerSecond > 0) {
      const early = start + (count * 1000) / commitsPerSecond - now;
      if (early > 0) Atomics.wait(sleeper, 0, 0, early);
    }
    const before = performance.now();
    commit(count);
    now = performance.now();
    if (count === samples.length) {
      const larger = new Float64Array(samples.length * 2);
      larger.set(samples);
      samples = larger;
    }
    samples[count++] = now - before;
  }
  return { commits: count, commitsPerSecond: count / ((now - start) / 1000), latencyMs: latencies(samples.subarray(0, count)) };
}

answer({ ready: true });
for await (const line of createInterface({ input: process.stdin })) answer(work(JSON.parse(line)));
db.close();
