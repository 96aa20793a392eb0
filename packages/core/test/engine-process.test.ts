import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { imageOf, openWAL, settingsFor, sleep, startWriter, TestReplica, tempDirectory } from "./harness.js";
import { type SourceChild, sourceChild } from "./source-child.js";

const source = (name: string): string => join(import.meta.dirname, "..", "src", name);
const modules = { host: source("worker/inline-host.ts"), resolve: source("sqlite/resolve.ts") };

/** An engine in its own process; says how it attached, then every event. */
function startEngine(path: string, remoteTXID: bigint): SourceChild {
  const settings = settingsFor(path, { syncIntervalMs: 10, monitorIntervalMs: 50, minCheckpointPages: 50, maxWalBytes: 1024 * 1024 });
  const script = `
    const driver = resolve.resolveDriver(require("better-sqlite3"));
    const plain = (value) => JSON.parse(JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v)));
    const engine = host.createInlineHost(data.settings, driver, (event) => say(plain(event)));
    await engine.request("open", undefined);
    const request = { remoteTXID: BigInt(data.remoteTXID), remoteTimestampMs: 0 };
    let outcome = await engine.request("attach", request);
    if (outcome.kind === "base-required") outcome = await engine.request("attach", { ...request, base: null });
    say({ attached: outcome.by });
    await heard();
    await engine.request("sync", undefined);
    await engine.request("close", { discard: false });`;
  return sourceChild(modules, script, { settings, remoteTXID: String(remoteTXID) });
}

async function nextOf(child: SourceChild, wanted: (message: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
  for (;;) {
    // `as`: the script says objects only.
    const message = (await child.next()) as Record<string, unknown>;
    if (wanted(message)) return message;
  }
}

test("killed at any moment: what was staged never changes, and the next run goes on without a gap", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  openWAL(path).exec("CREATE TABLE first (x)").close();
  const { metaPath } = settingsFor(path);
  const replica = new TestReplica();
  const seen = new Map<string, Buffer>();
  const collect = async (): Promise<void> => {
    const staged = join(metaPath, "ltx", "0");
    if (!existsSync(staged)) return;
    for (const name of readdirSync(staged).filter((entry) => entry.endsWith(".ltx"))) {
      const bytes = readFileSync(join(staged, name));
      const before = seen.get(name);
      if (before !== undefined) expect(before.equals(bytes)).toBe(true);
      seen.set(name, bytes);
    }
    await replica.pull(settingsFor(path));
  };
  const writer = startWriter(path, { seconds: 60, rate: 200, vacuum: 400 });
  for (let round = 0; round < 5; round++) {
    const engine = startEngine(path, replica.txid);
    await nextOf(engine, (message) => "attached" in message);
    await sleep(Math.random() * 300);
    engine.process.kill("SIGKILL");
    await engine.exited;
    await collect();
    if (round === 2) {
      const foreign = new Database(path, { timeout: 10_000 });
      foreign.pragma("wal_checkpoint(RESTART)");
      foreign.close();
    }
  }
  writer.process.kill("SIGKILL");
  await writer.done;
  const last = startEngine(path, replica.txid);
  await nextOf(last, (message) => "attached" in message);
  last.go();
  expect(await last.exited).toBe(0);
  await collect();
  expect(replica.differences(imageOf(path))).toEqual([]);
  expect(replica.txid).toBeGreaterThan(3n);
}, 60_000);

test("[P2] a second copy of SQLite in the process stops the engine", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  openWAL(path).exec("CREATE TABLE first (x)").close();
  const binary = join(import.meta.dirname, "..", "node_modules", "better-sqlite3", "build", "Release", "better_sqlite3.node");
  const copy = join(directory.path, "other", "better_sqlite3.node");
  mkdirSync(join(directory.path, "other"));
  copyFileSync(binary, copy);
  const settings = settingsFor(path, { monitorIntervalMs: 50 });
  const script = `
    const driver = resolve.resolveDriver(require("better-sqlite3"));
    const engine = host.createInlineHost(data.settings, driver, (event) => say({ type: event.type, code: event.code }));
    await engine.request("open", undefined);
    await engine.request("attach", { remoteTXID: 0n, remoteTimestampMs: 0 });
    process.dlopen({ exports: {} }, data.copy);
    await heard();
    await engine.request("sync", undefined).catch((error) => say({ rejected: error.code }));
    await engine.request("close", { discard: false });`;
  const child = sourceChild(modules, script, { settings, copy });
  expect(await nextOf(child, ({ type }) => type === "failed")).toMatchObject({ code: "LS_SECOND_SQLITE" });
  child.go();
  expect(await nextOf(child, (message) => "rejected" in message)).toEqual({ rejected: "LS_SECOND_SQLITE" });
  expect(await child.exited).toBe(0);
});
