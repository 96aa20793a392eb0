import { FileReplicaClient } from "@ls/backend-file";
import { DB, Replica, Store } from "@ls/core";
import Database from "better-sqlite3";

// 1. The database, and where its replica lies.
const db = new DB("myapp.db", { replica: new Replica(new FileReplicaClient({ path: "replica" })) });

// 2. The store replicates it and keeps the replica small.
await using store = new Store([db], { levels: [{ level: 0 }, { level: 1, intervalMs: 10_000 }] });
await store.open();

// 3. The application, with its own connection, its own pragmas, and no rule to follow but one: WAL mode.
const app = new Database("myapp.db");
app.pragma("journal_mode = WAL");
app.exec("CREATE TABLE IF NOT EXISTS visit (at INTEGER NOT NULL)");
app.prepare("INSERT INTO visit VALUES (?)").run(Date.now());
console.log("Replication started. Database ready for use.");

// Leaving the scope closes the store, which sends what is missing. The application's connection may still be open.
