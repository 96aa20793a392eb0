import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LTXFileInfo, ReplicaClient } from "@ls/core";
import { restore } from "@ls/core/restore";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runDemo } from "../src/demo.js";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const WRITER = new URL("../dist/writer.js", import.meta.url);

let folder: string;
let children: ChildProcess[];

beforeEach(() => {
  if (!existsSync(MAIN)) throw new Error("the example is not built: npm run build");
  folder = mkdtempSync(join(tmpdir(), "order-book-test-"));
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the built program, its output collected. */
function start(...words: string[]): { child: ChildProcess; output: () => string; exited: Promise<number | null> } {
  const child = spawn(process.execPath, [MAIN, ...words], { cwd: folder, env: { ...process.env, TMPDIR: folder }, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (text += chunk));
  return { child, output: () => text, exited: once(child, "close").then(([code]) => code) };
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  const end = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`timed out; so far: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("npm start", () => {
  it("loses nothing when the writer is killed, and leaves nothing behind", async () => {
    const { output, exited } = start("--seconds", "3");
    expect(await exited, output()).toBe(0);
    expect(output()).toMatch(/commits lost +0\n/);
    expect(output()).toMatch(/integrity check +ok\n/);
    expect(output()).toMatch(/TXID [0-9a-f]{16} · \d+ pages · [\d.]+ \w+ · lag p50\/p99 [\d.]+\/[\d.]+ ms/);
    expect(output()).toMatch(/files by level 0:\d+/);
    expect(output()).toMatch(/as of [\d:.]+ +[1-9]\d* commits/);
    for (const row of ["level 1 \\(merged\\)", "level 9 \\(snapshots\\)", "merges", "snapshots taken", "deleted by retention"]) {
      expect(output()).toMatch(new RegExp(`${row} +[1-9]`));
    }
    expect(Number(/commits acknowledged +(\d+)/.exec(output())?.[1])).toBeGreaterThan(50);
    expect(output(), "plain lines without a terminal").not.toContain("\r");
  });

  it("finds out when storage had acknowledged what it did not keep", async () => {
    const screen = { text: "", write: (text: string) => (screen.text += text) };
    const good = await runDemo({ seconds: 2, writer: WRITER, screen, wrapClient: (client) => forgetful(client, 2) });
    expect(good, screen.text).toBe(false);
    expect(screen.text).toMatch(/commits lost +[1-9]\d*\n/);
    rmSync(/kept in (\S+)\.\n/.exec(screen.text)?.[1] ?? folder, { recursive: true, force: true });
  });

  it("explains itself when it is called wrongly", async () => {
    const { output, exited } = start("app.db");
    expect(await exited).toBe(2);
    expect(output()).toContain("usage:");
  });
});

describe("npm start -- <database> <url>", () => {
  it("replicates until it is interrupted, then everything is at the destination", async () => {
    const source = join(folder, "app.db");
    const app = new Database(source);
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER)");
    const { child, output, exited } = start("app.db", `file://${folder}/replica`);
    await until(() => output().includes("TXID 0000000000000001"), output);
    for (let n = 1; n <= 200; n++) app.prepare("INSERT INTO t VALUES (?)").run(n);
    child.kill("SIGINT");
    expect(await exited, output()).toBe(0);
    expect(output()).toContain("Everything is at the destination.");
    app.close();
    await restore(`file://${folder}/replica`, { outputPath: join(folder, "restored.db"), integrityCheck: "quick", driver: Database });
    const restored = new Database(join(folder, "restored.db"));
    expect(restored.prepare("SELECT count(*), sum(n) FROM t").raw().get()).toEqual([200, 20_100]);
    restored.close();
  });

  it("never switches the journal mode: it prints the pragma and waits", async () => {
    const source = join(folder, "old.db");
    new Database(source).exec("CREATE TABLE t (n INTEGER)").close();
    const before = readFileSync(source);
    const { child, output, exited } = start("old.db", `file://${folder}/replica`);
    await until(() => output().includes(`sqlite3 '${source}' 'PRAGMA journal_mode = WAL'`), output);
    expect(readFileSync(source).equals(before)).toBe(true);
    new Database(source).exec("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (1)").close();
    await until(() => output().includes("TXID 0000000000000001"), output);
    child.kill("SIGTERM");
    expect(await exited, output()).toBe(0);
  });

  it("says which package to install for a scheme that nobody serves", async () => {
    const { output, exited } = start("app.db", "s3://bucket/app");
    expect(await exited).toBe(1);
    expect(output()).toContain("LS_UNKNOWN_SCHEME");
    expect(output()).toContain("@ls/backend-s3");
  });
});

/** A storage service that keeps the first files and acknowledges all others without storing them. */
function forgetful(client: ReplicaClient, keeps: number): ReplicaClient {
  let writes = 0;
  return {
    type: client.type,
    capabilities: client.capabilities,
    init: (options) => client.init(options),
    ltxFiles: (level, options) => client.ltxFiles(level, options),
    openLTXFile: (ref, options) => client.openLTXFile(ref, options),
    async writeLTXFile(ref, data, options): Promise<LTXFileInfo> {
      if (writes++ < keeps) return await client.writeLTXFile(ref, data, options);
      let size = 0;
      for await (const chunk of data) size += chunk.length;
      return { ...ref, size, createdAt: new Date() };
    },
    // What it did not keep it has merged: retention would delete the little that is there.
    deleteLTXFiles: async () => {},
    deleteAll: (options) => client.deleteAll(options),
    close: () => client.close(),
  };
}
