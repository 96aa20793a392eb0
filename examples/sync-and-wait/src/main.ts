import { DB, fromURL, isLSError, Replica } from "@ls/core";
import "@ls/backend-file";
import Database from "better-sqlite3";

await using db = new DB("payments.db", { replica: new Replica(fromURL(`file://${process.cwd()}/replica`)) });
await db.open();
const app = new Database("payments.db");
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS payment (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL)");

app.prepare("INSERT INTO payment (cents) VALUES (?)").run(4200);
try {
  const txid = await db.syncAndWait({ signal: AbortSignal.timeout(10_000) });
  console.log(`The payment is durable in transaction ${txid}.`);
} catch (error) {
  // Nothing is lost: the commit is on the local disk, and goes on its way as soon as the destination answers.
  console.log(`Not durable yet: ${isLSError(error) ? error.code : error}`);
}

const { localTXID, remoteTXID, inSync } = await db.syncStatus();
console.log(`Local TXID: ${localTXID}, remote TXID: ${remoteTXID}, in sync: ${inSync}`);
app.close();
