import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { Destination } from "../../test/destination.js";
import { LSError } from "../errors.js";
import { Replica } from "../replica/replica.js";
import type { ReplicaClient } from "../replica-client.js";
import { DB } from "./db.js";
import { type DBOptions, resolveDBOptions } from "./options.js";

const replica = new Replica(new Destination());
const option = (error: unknown): unknown => (error instanceof LSError && error.code === "LS_INVALID_OPTION" ? error.details.option : error);

function refusal(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return option(error);
  }
  return "accepted";
}

describe("options of DB", () => {
  it("have the documented defaults", () => {
    const { settings, ...rest } = resolveDBOptions("/data/app.db", { replica });
    expect(settings).toEqual({
      path: "/data/app.db",
      metaPath: "/data/.app.db-litestream",
      syncIntervalMs: 1000,
      monitorIntervalMs: 1000,
      checkpointIntervalMs: 60_000,
      minCheckpointPages: 1000,
      maxWalBytes: 64 * 1024 * 1024,
      checkpointBarrier: "emergency",
      maxStagedBytes: 1024 ** 3,
      restAfterMs: 60_000,
      localCopyMs: 0,
      maxLocalCopyBytes: 64 * 1024 * 1024,
    });
    expect(rest).toMatchObject({ host: "worker", onDestinationAhead: "error", shutdownTimeoutMs: 30_000, driver: undefined, workerURL: undefined });
  });

  // `as`: callers without TypeScript can pass anything, and that is what is tested.
  const wrong: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ["no replica", { replica: undefined }, "replica"],
    ["a client instead of a replica", { replica: new Destination() }, "replica"],
    ["an unknown name", { chekpointIntervalMs: 1 }, "chekpointIntervalMs"],
    ["an interval that would spin", { monitorIntervalMs: 1 }, "monitorIntervalMs"],
    ["an interval beyond setTimeout", { checkpointIntervalMs: 2 ** 31 }, "checkpointIntervalMs"],
    ["a negative interval", { shutdownTimeoutMs: -1 }, "shutdownTimeoutMs"],
    ["an interval as text", { monitorIntervalMs: "1s" }, "monitorIntervalMs"],
    ["not a number", { monitorIntervalMs: Number.NaN }, "monitorIntervalMs"],
    ["no pages", { minCheckpointPages: 0 }, "minCheckpointPages"],
    ["a tiny WAL", { maxWalBytes: 1 }, "maxWalBytes"],
    ["copies of less than nothing", { maxLocalCopyBytes: -1 }, "maxLocalCopyBytes"],
    ["unbounded staging", { maxStagedBytes: Number.POSITIVE_INFINITY }, "maxStagedBytes"],
    ["an unknown word", { checkpointBarrier: "always" }, "checkpointBarrier"],
    ["an unknown host", { host: "process" }, "host"],
    ["an unknown answer", { onDestinationAhead: "fork" }, "onDestinationAhead"],
    ["something that is no driver", { driver: class {} }, "driver"],
    ["an empty directory", { metaPath: "" }, "metaPath"],
    ["an observer that is none", { onEvent: {} }, "onEvent"],
    ["half a logger", { logger: { info() {} } }, "logger"],
    ["a worker that is no URL", { workerURL: "./worker.js" }, "workerURL"],
  ];
  it.each(wrong)("refuse %s", (_, change, name) => {
    expect(refusal(() => new DB("app.db", { replica, ...change } as DBOptions))).toBe(name);
  });

  it("suggest the name that was meant", () => {
    expect(() => new DB("app.db", { replica, maxWALBytes: 1 } as DBOptions)).toThrow('did you mean "maxWalBytes"?');
  });

  it("[J16] take 0 for every interval, and the application's driver", () => {
    const zero = { monitorIntervalMs: 0, checkpointIntervalMs: 0, shutdownTimeoutMs: 0 };
    expect(resolveDBOptions("app.db", { replica, driver: Database, ...zero })).toMatchObject({
      driver: Database,
      shutdownTimeoutMs: 0,
      settings: { monitorIntervalMs: 0 },
    });
  });

  it("are an object", () => {
    expect(refusal(() => new DB("app.db", undefined as unknown as DBOptions))).toBe("replica");
    expect(refusal(() => new DB("", { replica }))).toBe("path");
  });
});

describe("options of Replica", () => {
  it.each([
    ["a URL instead of a client", () => new Replica("file:///x" as unknown as ReplicaClient), "client"],
    ["an unknown name", () => new Replica(new Destination(), { syncInterval: 1 } as object), "syncInterval"],
    ["an interval that would spin", () => new Replica(new Destination(), { syncIntervalMs: 5 }), "syncIntervalMs"],
  ])("refuse %s", (_, call, name) => {
    expect(refusal(call)).toBe(name);
  });

  it("take 0", () => {
    expect(new Replica(new Destination(), { syncIntervalMs: 0 }).syncIntervalMs).toBe(0);
  });
});
