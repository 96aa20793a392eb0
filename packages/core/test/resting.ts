import type { TXID } from "@ls/ltx";
import { openDescriptors } from "../../../testkit/src/census.js";
import type { EngineSettings } from "../src/db/protocol.js";
import type { SQLiteDriver } from "../src/sqlite/driver.js";
import { sleep, TestEngine, until } from "./harness.js";

/** What an engine says only when something is wrong. */
export function troubleOf(engine: TestEngine): readonly unknown[] {
  return engine.events.filter(({ type }) => ["continued", "detached", "warning", "failed", "not-ready", "paused"].includes(type));
}

/** An engine that rests as soon as it may, which is some 150 ms after the last commit was acknowledged. */
export function restingEngine(path: string, changes: Partial<EngineSettings> = {}, driver?: SQLiteDriver): TestEngine {
  return new TestEngine(path, { syncIntervalMs: 20, monitorIntervalMs: 50, restAfterMs: 20, ...changes }, driver);
}

export function isResting(engine: TestEngine): boolean {
  return engine.events.filter(({ type }) => type === "resting" || type === "awake").at(-1)?.type === "resting";
}

/** Acknowledges what is staged, as uploads would. */
export async function acknowledge(engine: TestEngine): Promise<TXID> {
  const txid = engine.of("staged").at(-1)?.file.txid ?? 0n;
  await engine.ask("acknowledge", { txid });
  return txid;
}

export async function atRest(engine: TestEngine): Promise<void> {
  await until("the database rests", async () => {
    await acknowledge(engine);
    await sleep(10);
    return isResting(engine);
  });
}

/** What this process has open of a database and of what lies beside it. */
export function heldBy(engine: TestEngine): readonly string[] {
  const { path, metaPath } = engine.settings;
  return openDescriptors("self").filter((target) => target.startsWith(path) || target.startsWith(metaPath));
}
