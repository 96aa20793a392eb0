import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { serve } from "./serve.js";

/** A second process that keeps asking for the write lock, and notes how long it had to wait. */
let db: Database.Database | undefined;
let running = false;
let loop: Promise<void> = Promise.resolve();
const waitsMs: number[] = [];
let refused = 0;

async function probe(everyMs: number): Promise<void> {
  while (running && db !== undefined) {
    const start = performance.now();
    try {
      db.exec("BEGIN IMMEDIATE");
      db.exec("ROLLBACK");
    } catch {
      refused++;
    }
    waitsMs.push(performance.now() - start);
    await sleep(everyMs);
  }
}

serve({
  start({ path, everyMs, timeoutMs }: { path: string; everyMs: number; timeoutMs: number }) {
    db = new Database(path, { timeout: timeoutMs });
    running = true;
    loop = probe(everyMs);
  },
  count: () => waitsMs.length,
  async stop() {
    running = false;
    await loop;
    db?.close();
    return { longestMs: waitsMs.reduce((longest, ms) => Math.max(longest, ms), 0), waitsMs, probes: waitsMs.length, refused };
  },
});
