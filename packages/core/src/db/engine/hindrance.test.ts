import { afterEach, expect, test, vi } from "vitest";
import { settingsFor } from "../../../test/harness.js";
import type { EngineEvent } from "../protocol.js";
import { Hindrance } from "./hindrance.js";

afterEach(() => {
  vi.useRealTimers();
});

test("[L8] the same trouble is told once a minute, another one at once", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const events: EngineEvent[] = [];
  const hindrance = new Hindrance(
    settingsFor("/a.db"),
    (event) => events.push(event),
    () => 0,
  );
  for (let second = 0; second < 150; second++) {
    hindrance.warn(new Error("no descriptors are left"));
    vi.advanceTimersByTime(1000);
  }
  expect(events).toHaveLength(3);
  hindrance.warn(new Error("something else"));
  expect(events).toHaveLength(4);
});
