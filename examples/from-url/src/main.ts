import { DB, fromURL, Replica } from "@ls/core";
import "@ls/backend-file"; // registers file://

const [path, url] = process.argv.slice(2);
if (path === undefined || url === undefined) throw new Error("usage: main.js DATABASE REPLICA-URL");

await using db = new DB(path, { replica: new Replica(fromURL(url)) });
await db.open();
const txid = await db.syncAndWait();
console.log(`${path} is at ${url} up to transaction ${txid}`);
