import { DB, fromURL, Replica, Store } from "@ls/core";
import "@ls/backend-file";
import Database from "better-sqlite3";
import fastify from "fastify";

const url = process.env.REPLICA_URL ?? `file://${process.cwd()}/replica`;
const db = new DB("notes.db", { replica: new Replica(fromURL(url), { syncIntervalMs: 0 }) });
const store = new Store([db]);

const service = fastify();
await db.ensureExists();
await store.open();
const app = new Database("notes.db");
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, body TEXT NOT NULL)");
// After the last response: everything is sent and released.
service.addHook("onClose", async () => {
  await store.close();
  app.close();
});

service.post<{ Body: { body: string } }>(
  "/notes",
  { schema: { body: { type: "object", required: ["body"], properties: { body: { type: "string" } } } } },
  async (request, reply) => {
    const note = app.prepare("INSERT INTO note (body) VALUES (?) RETURNING id, body").get(request.body.body);
    await db.syncAndWait({ signal: AbortSignal.timeout(5_000) });
    return await reply.code(201).send(note);
  },
);
service.get("/notes", () => app.prepare("SELECT id, body FROM note ORDER BY id").all());
service.get("/health", async (_request, reply) => {
  const { phase, lagMs, lastError } = db.status();
  return await reply.code(lastError === undefined ? 200 : 503).send({ phase, lagMs, lastError: lastError?.code });
});

console.log(`Listening on ${await service.listen({ port: Number(process.env.PORT ?? 3000) })}`);
process.once("SIGTERM", () => void service.close());
