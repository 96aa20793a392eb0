import { DB, fromURL, Replica } from "@ls/core";
import "@ls/backend-file";
import Database from "better-sqlite3";

const url = process.env.REPLICA_URL ?? `file://${process.cwd()}/replica`;
const db = new DB("visits.db", { replica: new Replica(fromURL(url)) });

switch (await db.ensureExists()) {
  case "present":
    console.log("The database is here.");
    break;
  case "restored":
    console.log("The database was lost, and is back.");
    break;
  case "no-backup":
    console.log("There is no backup yet: a new database.");
    break;
}
await db.open();

const app = new Database("visits.db");
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS visit (at INTEGER NOT NULL)");
app.prepare("INSERT INTO visit VALUES (?)").run(Date.now());
console.log(`Visit number ${app.prepare("SELECT count(*) FROM visit").pluck().get()}.`);

await db.close(); // sends what is missing first; the order of the two does not matter
app.close();
