import "@ls/backend-file";
import { DB, fromURL, Replica } from "@ls/core";

/** First replication of one database, then an orderly end: `litestream replicate -once`. */
const [path, url] = process.argv.slice(2);
if (path === undefined || url === undefined) throw new Error("usage: replicate-once DB URL");
const db = new DB(path, { replica: new Replica(fromURL(url)) });
await db.open();
await db.syncAndWait();
await db.close();
