import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FaultStore } from "../../../testkit/src/fault-store.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { DB } from "../src/db/db.js";
import { renderPrometheus } from "../src/metrics/prometheus.js";
import { Replica } from "../src/replica/replica.js";
import type { ReplicaClient } from "../src/replica-client.js";
import type { StoreEvent } from "../src/store/events.js";
import type { StoreOptions } from "../src/store/options.js";
import { Store } from "../src/store/store.js";
import { openWAL, sleep, tempDirectory, until } from "./harness.js";

const SECRET = "ping-0a1b2c3d";
let directory: ReturnType<typeof tempDirectory>;
let server: Server;
let requests: IncomingMessage[];
let answer: (response: ServerResponse) => void;
let store: Store | undefined;
let events: StoreEvent[];
let apps: Database.Database[];
let logged: string;

beforeEach(async () => {
  directory = tempDirectory();
  requests = [];
  events = [];
  apps = [];
  logged = "";
  answer = (response) => void response.end("ok");
  server = createServer((request, response) => {
    requests.push(request);
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  await store?.close({ signal: AbortSignal.abort() }).catch(() => {});
  for (const app of apps) app.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  directory[Symbol.dispose]();
});

function database(name: string, client: ReplicaClient): DB {
  const path = join(directory.path, name);
  const app = openWAL(path);
  app.exec("CREATE TABLE IF NOT EXISTS t (v)");
  apps.push(app);
  return new DB(path, { replica: new Replica(client, { syncIntervalMs: 20 }), driver: Database, host: "inline" });
}

async function open(dbs: readonly DB[], options: StoreOptions = {}): Promise<Store> {
  // `as`: a server on TCP has an address of this kind.
  const { port } = server.address() as AddressInfo;
  const log = (message: string, fields?: object): void => {
    logged += `${message} ${JSON.stringify(fields, (_, value) => (typeof value === "bigint" ? String(value) : value))}\n`;
  };
  store = new Store(dbs, {
    heartbeatURL: `http://user:${SECRET}@127.0.0.1:${port}/${SECRET}`,
    heartbeatIntervalMs: 150,
    onEvent: (event) => events.push(event),
    logger: { debug: log, info: log, warn: log, error: log },
    ...options,
  });
  await store.open();
  return store;
}

const failures = (): StoreEvent[] => events.filter(({ type }) => type === "heartbeat-failed");

test("at rest and busy it is sent at every interval, by GET, with the user as header", async () => {
  const opened = await open([database("a.db", new MemoryClient())]);
  await until("three heartbeats", () => requests.length >= 3);
  const [first] = requests;
  expect(first).toMatchObject({ method: "GET", url: `/${SECRET}` });
  expect(first?.headers.authorization).toBe(`Basic ${btoa(`user:${SECRET}`)}`);
  await until("they are counted", () => (opened.status().heartbeat?.sent ?? 0) >= 3);
  expect(renderPrometheus(opened.metrics())).toMatch(/^litestream_heartbeats_total \d+$/m);
  expect(failures()).toEqual([]);
  await opened.close();
  const sent = requests.length;
  await sleep(400);
  expect(requests.length).toBe(sent);
});

test("[M6] it stays away while one of the databases is behind, and comes back with it", async () => {
  const faults = new FaultStore(new MemoryClient());
  const failing = database("b.db", faults);
  await open([database("a.db", new MemoryClient()), failing]);
  await until("a heartbeat", () => requests.length > 0);
  faults.arm({ operation: "write", fault: { kind: "fail" } });
  apps[0]?.exec("INSERT INTO t VALUES (1)");
  await until("it is behind", () => (failing.status().lagMs ?? 0) > 200);
  const sent = requests.length;
  await sleep(500);
  expect(requests.length).toBe(sent);
  faults.heal();
  await until("it comes back", () => requests.length > sent);
});

test("what the endpoint does wrong is an event and a number, and delays neither replication nor close(); nothing tells the URL", async () => {
  const db = database("a.db", new MemoryClient());
  answer = (response) => void response.writeHead(503).end();
  const opened = await open([db]);
  await until("failures", () => failures().length >= 2);
  expect(failures()[1]).toMatchObject({ failures: 2, error: { code: "LS_HEARTBEAT_FAILED", message: expect.stringContaining("HTTP 503") } });
  answer = (response) => void response.end();
  await until("recovered", () => events.some(({ type }) => type === "heartbeat-recovered"));
  answer = (response) => void response.destroy();
  await until(
    "connections break",
    () => failures().some((event) => event.type === "heartbeat-failed" && event.error.message.includes("ECONN")) || failures().length > 6,
  );
  expect(renderPrometheus(opened.metrics())).toMatch(/^litestream_heartbeat_errors_total \d+$/m);
  let held = false;
  answer = () => {
    held = true;
  };
  await until("one hangs", () => held);
  apps[0]?.exec("INSERT INTO t VALUES (1)");
  await db.syncAndWait({ signal: AbortSignal.timeout(5000) });
  const started = Date.now();
  await opened.close();
  expect(Date.now() - started).toBeLessThan(10_000);
  const told = JSON.stringify([events, opened.status(), opened.metrics()], (_, value) => (typeof value === "bigint" ? String(value) : value));
  expect(`${told}${logged}`).not.toContain(SECRET);
  expect(`${told}${logged}`).not.toContain(btoa(`user:${SECRET}`));
  expect(logged).toContain("heartbeat-failed");
});
