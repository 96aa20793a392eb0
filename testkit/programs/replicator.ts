import "@ls/backend-file";
import { pathToFileURL } from "node:url";
import { DB, fromURL, Replica } from "@ls/core";
import { FaultStore } from "../src/fault-store.js";
import { send, serve } from "./serve.js";

/** `@ls/core` in a process of its own: one database, one directory as its destination, commands over IPC. */
interface Settings {
  readonly path: string;
  readonly replicaPath: string;
  readonly db: Record<string, unknown>;
  readonly replica: Record<string, unknown>;
  readonly hangUploads: boolean;
}

const settings = JSON.parse(process.argv[2] ?? "{}") as Settings; // `as`: made by src/replicator.ts
let db: DB | undefined;

function database(): DB {
  const client = new FaultStore(fromURL(pathToFileURL(settings.replicaPath).href));
  if (settings.hangUploads) client.arm({ operation: "write", fault: { kind: "hang" } });
  db ??= new DB(settings.path, {
    ...settings.db,
    replica: new Replica(client, settings.replica),
    onEvent: (event) => send({ event }),
  });
  return db;
}

serve(
  {
    open: () => database().open(),
    ensureExists: () => database().ensureExists(),
    sync: () => database().sync(),
    async syncAndWait() {
      await database().syncAndWait();
      return (await database().syncStatus()).remoteTXID;
    },
    syncStatus: () => database().syncStatus(),
    status: () => database().status(),
    async checkpoint() {
      await database().checkpoint();
    },
    close: () => database().close(),
  },
  ["sync", "syncAndWait", "syncStatus", "status", "checkpoint", "close"],
);
