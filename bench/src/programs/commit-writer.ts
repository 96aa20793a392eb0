import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import Database from "better-sqlite3";
import type { CommitsRequest, TransactionRequest, WriterAnswer, WriterRequest } from "../app/writer-protocol.js";
import { latencies } from "../common/statistics.js";

/** The application: one connection that commits small transactions, as fast as it can or at a fixed rate, and times each; or one large one. */

const COUNTERS = 5000;
/** Of a row of the large transaction. */
const PIECE_BYTES = 100_000;
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

function commitSmall({ seconds, commitsPerSecond }: CommitsRequest): WriterAnswer {
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

function commitLarge({ bytes, contentPath }: TransactionRequest): WriterAnswer {
  const content = readFileSync(contentPath);
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += PIECE_BYTES) pieces.push(content.subarray(at, at + PIECE_BYTES));
  const add = db.transaction(() => {
    db.exec("CREATE TABLE piece(id INTEGER PRIMARY KEY, data BLOB NOT NULL)");
    const insert = db.prepare("INSERT INTO piece(data) VALUES (?)");
    let left = bytes;
    for (let i = 0; left > 0; i = (i + 1) % pieces.length) {
      const piece = (pieces[i] ?? content).subarray(0, left);
      insert.run(piece);
      left -= piece.length;
    }
  });
  const start = performance.now();
  add();
  return { milliseconds: performance.now() - start };
}

answer({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  // `as`: src/app/writer.ts sends nothing else.
  const request = JSON.parse(line) as WriterRequest;
  answer("bytes" in request ? commitLarge(request) : commitSmall(request));
}
db.close();
