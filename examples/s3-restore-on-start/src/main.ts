import { S3ReplicaClient } from "@ls/backend-s3";
import { DB, Replica, Store } from "@ls/core";
import Database from "better-sqlite3";

const { LITESTREAM_BUCKET: bucket, LITESTREAM_PATH: path } = process.env;
if (bucket === undefined) throw new Error("LITESTREAM_BUCKET is not set");

// Region and credentials come from AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from wherever else the SDK finds them.
const client = new S3ReplicaClient({ bucket, path });
const db = new DB("myapp.db", { replica: new Replica(client) });

// "no-backup" is what the bucket answered; a login or a network that fails throws.
console.log(`ensureExists: ${await db.ensureExists()}`);

await using store = new Store([db], { levels: [{ level: 0 }, { level: 1, intervalMs: 10_000 }] });
await store.open();

const app = new Database("myapp.db");
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS start (at INTEGER NOT NULL)");
app.prepare("INSERT INTO start VALUES (?)").run(Date.now());
await db.syncAndWait();
console.log(`Start number ${app.prepare("SELECT count(*) FROM start").pluck().get()}. Database ready with S3 replication.`);
