// The application: a process of its own that writes an order book and knows nothing of replication.
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import Database from "better-sqlite3";
import { BookWriter, openBook } from "./book.js";
import type { WriterMessage } from "./messages.js";
import { Random } from "./random.js";

const [path, seed, commitsPerSecond] = process.argv.slice(2);
if (path === undefined || seed === undefined || commitsPerSecond === undefined) throw new TypeError("usage: writer <database> <seed> <commits per second>");

const db = new Database(path);
openBook(db);
const writer = new BookWriter(db, new Random(Number(seed)));
let interrupted = false;

process.on("message", () => {
  interrupted = true;
});
// Without the process that started us there is nobody to kill us.
process.on("disconnect", () => process.exit(1));

tell({ type: "ready" });
const started = performance.now();
let commits = 0;
while (!interrupted) {
  const due = ((performance.now() - started) / 1000) * Number(commitsPerSecond);
  // One burst is bounded, so that a message is seen soon even when the disk cannot keep the pace.
  for (let burst = 0; commits < due && burst < 50; burst++, commits++) writer.commit();
  if (commits < due) await turn();
  else await sleep(2);
}
for (const _ of writer.interrupted()) {
  tell({ type: "mid-transaction", commits });
  await turn();
}

function tell(message: WriterMessage): void {
  process.send?.(message);
}
