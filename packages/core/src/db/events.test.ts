import { expect, test } from "vitest";
import type { Logger } from "../logger.js";
import { DB_EVENT_LEVELS, type DBEvent, EventSink } from "./events.js";

test("[L8] the same failure again and again: every event tells it, the log ever more rarely", () => {
  const lines: Record<keyof Logger, string[]> = { debug: [], info: [], warn: [], error: [] };
  const log = (level: keyof Logger) => (message: string) => void lines[level].push(message);
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const events: DBEvent[] = [];
  const sink = new EventSink({ subject: { db: "/a.db" }, onEvent: (event) => events.push(event), logger }, DB_EVENT_LEVELS);
  const error = { code: "LS_STORAGE_UNAVAILABLE", message: "down", retryable: true };
  for (let failures = 1; failures <= 1000; failures++) sink.emit({ type: "attach-failed", error, failures, nextRetryAt: new Date(0) });
  expect(events).toHaveLength(1000);
  expect(lines.warn).toHaveLength(10);
  expect(lines.debug).toHaveLength(990);
  expect([...lines.info, ...lines.error]).toEqual([]);
});
