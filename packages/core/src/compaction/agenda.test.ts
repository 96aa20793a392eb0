import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS, HOUR_MS, KeepingModel, upstreamRestores } from "../../test/keeping-model.js";
import { DAY } from "../../test/ltx-files.js";
import { fileKey } from "../restore/plan.js";
import { KeepingMemory } from "./keeping-memory.js";

const MINUTE_MS = 60_000;

function expectKept(model: KeepingModel): void {
  expect(model.missingPromises()).toEqual([]);
  expect(model.nestingProblems()).toEqual([]);
  if (model.txid > 0n) expect(upstreamRestores(model.inventory, model.txid)).toBe(true);
}

function kinds(model: KeepingModel): string {
  return model.tasks.map((task) => (task.kind === "merge" ? `L${task.level}` : task.kind === "snapshot" ? "snapshot" : task.of)).join(" ");
}

describe("the first day", () => {
  test("[C8] a new database is stored as an image and a snapshot, and after that only what changes", () => {
    const model = new KeepingModel({ startMs: DAY + 12_345, databasePages: 5000 });
    model.write([]);
    for (let minute = 0; minute < 24 * 60 - 1; minute++) {
      if (minute % 10 === 0) model.write([minute % 7]);
      model.advance(MINUTE_MS, () => expectKept(model));
    }
    expect(model.uploadedBytes / model.imageBytes).toBeLessThan(2.2);
    expect(model.storedBytes / model.imageBytes).toBeLessThan(2.2);
    expect(model.inventory.level(1).at(0)?.minTXID).toBe((model.inventory.level(9).at(0)?.maxTXID ?? 0n) + 1n);
  });

  test("[C4] without an interval no snapshot is taken at all, by default one in the first day", () => {
    for (const [snapshotIntervalMs, expected] of [
      [0, 0],
      [DEFAULT_SETTINGS.snapshotIntervalMs, 1],
    ] as const) {
      const model = new KeepingModel({ settings: { ...DEFAULT_SETTINGS, snapshotIntervalMs }, startMs: DAY });
      for (let i = 0; i < 24 * 6 - 1; i++) {
        model.write([i % 7]);
        model.advance(10 * MINUTE_MS);
      }
      expect(model.tasks.filter((task) => task.kind === "snapshot")).toHaveLength(expected);
    }
  });

  test("[D18] one commit on an idle database is stored once, and in the next snapshot; then nothing for ever", () => {
    const model = new KeepingModel({ startMs: DAY });
    model.write([]);
    model.advance(1000);
    model.write([1]);
    model.advance(24 * HOUR_MS);
    model.advance(24 * HOUR_MS);
    expect(kinds(model)).toBe("snapshot snapshot history");
    expect(model.agenda()).toBe("idle");
    const { writes, deleteRequests } = model;
    model.advance(400 * 24 * HOUR_MS);
    expect([model.writes, model.deleteRequests]).toEqual([writes, deleteRequests]);
    expectKept(model);
  });
});

describe("when", () => {
  test("[D19] levels are written at upstream's boundaries", () => {
    const model = new KeepingModel({ startMs: DAY + 1000 });
    model.write([]);
    model.advance(4000);
    const times: string[] = [];
    let seen = model.tasks.length;
    for (let second = 5; second < 2 * 3600; second++) {
      model.write([second]);
      model.advance(1000, () => {
        for (const task of model.tasks.slice(seen)) if (task.kind === "merge") times.push(`L${task.level}@${(model.nowMs - DAY) / 1000}`);
        seen = model.tasks.length;
      });
    }
    const at = (level: number): string[] => times.filter((time) => time.startsWith(`L${level}@`)).map((time) => time.slice(3));
    expect(at(1).slice(0, 4)).toEqual(["30", "60", "90", "120"]);
    expect(at(2).slice(0, 3)).toEqual(["300", "600", "900"]);
    expect(at(3)).toEqual(["3600", "7200"]);
    expect(at(1)).toHaveLength(240);
    expectKept(model);
  });

  test("a file without company waits for it, and for the end of the window that it comes in", () => {
    const model = new KeepingModel({ startMs: DAY });
    model.write([]);
    model.advance(31_000);
    model.write([1]);
    model.advance(70_000);
    model.write([2]);
    model.advance(5000);
    model.write([3]);
    model.advance(13_000);
    expect(kinds(model)).toBe("snapshot");
    model.advance(2000);
    expect(model.tasks.slice(1).map((task) => fileKeys(task))).toEqual([["0/2-2", "0/3-3", "0/4-4"]]);
    expectKept(model);
  });

  test("[C6] a process that restarts every ten minutes takes its snapshots in time", () => {
    const model = new KeepingModel({ startMs: DAY });
    model.write([]);
    for (let i = 0; i < 3 * 24 * 6 - 1; i++) {
      model.write([i]);
      model.advance(10 * MINUTE_MS);
      model.restart();
    }
    expect(model.tasks.filter((task) => task.kind === "snapshot")).toHaveLength(3);
    expectKept(model);
  });

  test.each([-400 * 24, -30, -1, 1, 30, 400 * 24])("a clock that jumps by %i hours stops nothing and hurries nothing", (hours) => {
    const model = new KeepingModel({ startMs: DAY + 500 * 24 * HOUR_MS });
    const run = (minutes: number): void => {
      for (let i = 0; i < minutes; i++) {
        model.write([i]);
        model.write([i + 1]);
        model.advance(MINUTE_MS);
        if (i % 60 === 0) expect(model.restoresNewest()).toBe(true);
      }
    };
    run(40 * 60);
    const snapshots = model.inventory.level(9).length;
    const before = model.tasks.length;
    model.nowMs += hours * HOUR_MS;
    run(60);
    const merges = model.tasks.slice(before).filter((task) => task.kind === "merge" && task.level === 1).length;
    expect(merges).toBeGreaterThanOrEqual(58);
    expect(merges).toBeLessThanOrEqual(62);
    expect(model.tasks.slice(before).filter((task) => task.kind === "snapshot").length).toBeLessThanOrEqual(2);
    expect(model.inventory.level(9).length).toBeGreaterThanOrEqual(snapshots - 1);
    run(24 * 60);
    // However wrong the clock, a day later a snapshot is a day old at most.
    expect(model.tasks.slice(before).some((task) => task.kind === "snapshot")).toBe(true);
    expect(model.inventory.level(0).length).toBeLessThan(20);
  });
});

test("[C11] what is due in the same second for five hundred databases is spread over ten", () => {
  const dueSeconds = Array.from({ length: 500 }, (_, i) => {
    const model = new KeepingModel({ startMs: DAY });
    model.memory = new KeepingMemory(DAY, i / 500);
    model.write([]);
    const agenda = model.agenda();
    return agenda !== "idle" && "atMs" in agenda ? Math.floor((agenda.atMs - DAY) / 1000) : 0;
  });
  for (let second = 0; second < 10; second++) expect(dueSeconds.filter((due) => due === second).length).toBeLessThanOrEqual(51);
});

describe("damage", () => {
  test.each(["0/40-40", "1/40-41"])("%s: named once, levels go on above a new snapshot", (key) => {
    const model = new KeepingModel({ startMs: DAY, readsDatabase: true });
    model.damaged.add(key);
    for (let i = 0; i < 400; i++) {
      model.write([i]);
      model.advance(15_000);
    }
    expect(model.restoresNewest()).toBe(true);
    expect(model.inventory.level(1).at(-1)?.maxTXID).toBeGreaterThan(397n);
    expect(model.inventory.level(2).at(-1)?.maxTXID).toBeGreaterThan(370n);
    expect(model.tasks.filter((task) => task.kind === "snapshot").length).toBeLessThanOrEqual(4);
    expect(model.tasks.filter((task) => task.kind !== "retention" && fileKeys(task).includes(key)).length).toBeLessThanOrEqual(2);
  });

  test("a damaged snapshot, once it was read, is replaced from the database", () => {
    const model = new KeepingModel({ startMs: DAY, readsDatabase: true });
    model.damaged.add("9/1-1");
    for (let i = 0; i < 25 * 60; i++) {
      model.write([i % 3]);
      model.advance(MINUTE_MS);
    }
    expect(model.restoresNewest()).toBe(true);
    expect(model.tasks.filter((task) => task.kind === "snapshot").map((task) => task.plan.status)).toEqual(["merge", "merge", "image"]);
  });

  test("without a way to read the database it is tried ever again, and never deletes what the newest state needs", () => {
    const model = new KeepingModel({ startMs: DAY });
    model.damaged.add("0/40-40");
    for (let i = 0; i < 400; i++) {
      model.write([i]);
      model.advance(15_000);
    }
    const attempts = model.tasks.filter((task) => task.kind === "snapshot" && task.plan.status === "impossible").length;
    expect(attempts).toBeGreaterThan(10);
    expect(attempts).toBeLessThan(100);
  });
});

function fileKeys(task: KeepingModel["tasks"][number]): string[] {
  if (task.kind === "snapshot") return task.plan.status === "merge" ? task.plan.files.map(fileKey) : [];
  return task.files.map(fileKey);
}

describe("any history", () => {
  const settings = fc.record({
    levels: fc.constantFrom([], [{ level: 1, intervalMs: 10_000 }], DEFAULT_SETTINGS.levels, [
      { level: 1, intervalMs: 7000 },
      { level: 2, intervalMs: 30_000 },
      { level: 3, intervalMs: 20_000 },
      { level: 4, intervalMs: 600_000 },
    ]),
    snapshotIntervalMs: fc.constantFrom(0, 60_000, HOUR_MS, 24 * HOUR_MS),
    snapshotRetentionMs: fc.constantFrom(0, 60_000, 2 * HOUR_MS, 24 * HOUR_MS),
    l0RetentionMs: fc.constantFrom(0, 10_000, 300_000),
  });
  const actions = fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant("write" as const), pages: fc.array(fc.nat(40), { maxLength: 5 }), count: fc.integer({ min: 1, max: 30 }) }),
      },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.oneof(fc.nat(5000), fc.nat(120_000), fc.nat(3 * 24 * HOUR_MS)) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
    ),
    { maxLength: 40 },
  );

  test("keeps what is promised, nests, restores with either implementation, stays small, and comes to rest", () => {
    fc.assert(
      fc.property(settings, actions, (given, history) => {
        const model = new KeepingModel({ settings: given, startMs: DAY, databasePages: 40 });
        let written = 0;
        for (const action of history) {
          if (action.kind === "restart") model.restart();
          else if (action.kind === "wait") model.advance(action.ms, () => expectKept(model));
          else {
            for (let i = 0; i < action.count; i++) {
              model.write(action.pages);
              written++;
              model.advance(200, () => expectKept(model));
            }
          }
        }
        const week = 7 * 24 * HOUR_MS;
        model.advance(week, () => expectKept(model));
        model.advance(week);
        expect(model.agenda()).toBe("idle");
        expectKept(model);
        // Each file goes up every level once at most, and snapshots come one per interval at most.
        const most = written * (given.levels.length + 1) + (given.snapshotIntervalMs === 0 ? 0 : written + 1);
        expect(model.writes).toBeLessThanOrEqual(most);
      }),
      { numRuns: 300 },
    );
  });
});

test("a simulated month: a busy and an idle half of each day, restarts, the clock set now and then", () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(1_000_000)), (random) => {
      const next = (limit: number): number => (random.next().value ?? 0) % limit;
      const model = new KeepingModel({ startMs: DAY, databasePages: 200 });
      model.write([]);
      let mostStored = 0;
      for (let hour = 0; hour < 30 * 24; hour++) {
        if (hour % 24 < 12) {
          for (let i = next(12); i > 0; i--) {
            model.write([next(200), next(200)]);
            model.advance(next(300_000));
          }
        } else {
          model.advance(HOUR_MS);
        }
        if (next(50) === 0) model.restart();
        if (hour % 6 === 0) expectKept(model);
        mostStored = Math.max(mostStored, model.storedBytes);
      }
      model.advance(48 * HOUR_MS);
      expectKept(model);
      expect(model.agenda()).toBe("idle");
      // Two snapshots, and at each of four levels what two days change.
      expect(mostStored / model.imageBytes).toBeLessThan(9);
      expect(model.inventory.level(0)).toHaveLength(1);
      const cuts = Number(model.txid);
      // A cut causes its own upload, its share of three levels, and deletions that are gathered.
      expect(model.writes + model.deleteRequests).toBeLessThan(cuts * 4 + 31 * 2 + 31 * 24);
    }),
    { numRuns: 3 },
  );
}, 60_000);
