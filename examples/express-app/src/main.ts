import { DB, fromURL, Replica, Store } from "@ls/core";
import "@ls/backend-file";
import Database from "better-sqlite3";
import express from "express";

const url = process.env.REPLICA_URL ?? `file://${process.cwd()}/replica`;
// 0: the next upload starts when the last one is acknowledged, with everything committed meanwhile.
const db = new DB("notes.db", { replica: new Replica(fromURL(url), { syncIntervalMs: 0 }) });
await db.ensureExists();
const store = new Store([db]);
await store.open();

const app = new Database("notes.db");
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, body TEXT NOT NULL)");
const insert = app.prepare<[string], { id: number; body: string }>("INSERT INTO note (body) VALUES (?) RETURNING id, body");
const all = app.prepare("SELECT id, body FROM note ORDER BY id");

const service = express();
service.use(express.json());
service.post("/notes", async (request, response) => {
  const note = insert.get(String(request.body?.body ?? ""));
  await db.syncAndWait({ signal: AbortSignal.timeout(5_000) }); // a failure is a 500: the note may be there, but is not promised
  response.status(201).json(note);
});
service.get("/notes", (_request, response) => {
  response.json(all.all());
});
service.get("/health", (_request, response) => {
  const { phase, lagMs, lastError } = db.status();
  response.status(lastError === undefined ? 200 : 503).json({ phase, lagMs, lastError: lastError?.code });
});

const server = service.listen(Number(process.env.PORT ?? 3000), () => {
  const address = server.address();
  console.log(`Listening on ${typeof address === "object" ? address?.port : address}`);
});
process.once("SIGTERM", () => {
  server.close(async () => {
    await store.close();
    app.close();
  });
});
