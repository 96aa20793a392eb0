// A writing application in its own process: node writer.mjs <database> <seconds> <commits per second, 0 = full speed> <vacuum every n commits, 0 = never>
import Database from "better-sqlite3";

const [, , path, seconds, rate, vacuum] = process.argv;
const db = new Database(path, { timeout: 10_000 });
db.pragma("journal_mode = WAL");
db.exec("CREATE TABLE IF NOT EXISTS w (id INTEGER PRIMARY KEY, k, v, pad); CREATE INDEX IF NOT EXISTS wk ON w (k)");
const add = db.prepare("INSERT INTO w (k, v, pad) VALUES (?, ?, randomblob(?))");
const change = db.prepare("UPDATE w SET v = v + 1, pad = randomblob(?) WHERE id = ?");
const remove = db.prepare("DELETE FROM w WHERE id BETWEEN ? AND ?");
const newest = db.prepare("SELECT max(id) FROM w").pluck();
const random = (n) => Math.floor(Math.random() * n);
const transaction = db.transaction((n) => {
  for (let i = 0; i < 3; i++) add.run(random(5000), n, random(900));
  const top = newest.get() ?? 1;
  for (let i = 0; i < 2; i++) change.run(random(900), 1 + random(top));
  if (n % 200 === 199) {
    const first = 1 + random(top);
    remove.run(first, first + 300);
  }
});
const start = Date.now();
const end = start + Number(seconds) * 1000;
let commits = 0;
process.stdout.write("writing\n");
while (Date.now() < end) {
  transaction.immediate(commits++);
  if (Number(vacuum) > 0 && commits % Number(vacuum) === 0) db.exec("VACUUM");
  if (Number(rate) > 0) while (Date.now() < Math.min(end, start + (commits * 1000) / Number(rate))) await new Promise((resolve) => setTimeout(resolve, 1));
}
process.stdout.write(`${commits}\n`);
// As an application that is killed: no close, no last checkpoint.
process.exit(0);
