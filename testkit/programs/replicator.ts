import { DB, fromURL, Replica, Store } from "@ls/core";
import { FaultStore } from "../src/fault-store.js";
import { replicaURL } from "../src/replica-url.js";
import { send, serve } from "./serve.js";

/** `@ls/core` in a process of its own: one database (in a Store, or alone), one destination, commands over IPC. */
interface Settings {
  readonly path: string;
  readonly replicaPath: string;
  readonly db: Record<string, unknown>;
  readonly replica: Record<string, unknown>;
  readonly store?: Record<string, unknown>;
  readonly hangUploads: boolean;
}

const settings = JSON.parse(process.argv[2] ?? "{}") as Settings; // `as`: made by src/replicator.ts
const url = replicaURL(settings.replicaPath);
// Most destinations are directories, and the S3 client takes three times as long to load as all the rest.
await (url.startsWith("s3:") ? import("@ls/backend-s3") : import("@ls/backend-file"));
const client = new FaultStore(fromURL(url));
if (settings.hangUploads) client.arm({ operation: "write", fault: { kind: "hang" } });
const db = new DB(settings.path, {
  ...settings.db,
  replica: new Replica(client, settings.replica),
  onEvent: (event) => send({ event }),
});
const store = settings.store === undefined ? undefined : new Store([db], { ...settings.store, onEvent: (event) => send({ event }) });

serve(
  {
    open: () => (store ?? db).open(),
    ensureExists: () => db.ensureExists(),
    sync: () => db.sync(),
    syncAndWait: () => db.syncAndWait(),
    syncStatus: () => db.syncStatus(),
    status: () => db.status(),
    async checkpoint() {
      await db.checkpoint();
    },
    close: () => (store ?? db).close(),
  },
  ["sync", "syncAndWait", "syncStatus", "status", "checkpoint", "close"],
);
