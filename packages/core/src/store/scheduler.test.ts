import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../../test/fake-clock.js";
import { DueQueue } from "./due-queue.js";
import { Scheduler } from "./scheduler.js";

describe("queue", () => {
  test("any sequence of changes: what is due comes out, earliest first, as from a sorted list", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), item: fc.nat(20), atMs: fc.nat(100) }),
      fc.record({ kind: fc.constant("delete" as const), item: fc.nat(20) }),
      fc.record({ kind: fc.constant("take" as const), nowMs: fc.nat(100) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const queue = new DueQueue<number>();
        const model = new Map<number, number>();
        for (const action of steps) {
          if (action.kind === "set") {
            queue.set(action.item, action.atMs);
            model.set(action.item, action.atMs);
          } else if (action.kind === "delete") {
            queue.delete(action.item);
            model.delete(action.item);
          } else {
            const next = Math.min(...model.values());
            const item = queue.takeDue(action.nowMs);
            if (next > action.nowMs) expect(item).toBeUndefined();
            else {
              expect(model.get(item ?? -1)).toBe(next);
              model.delete(item ?? -1);
            }
          }
          expect(queue.size).toBe(model.size);
          expect(queue.nextMs).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        }
      }),
    );
  });
});

describe("scheduler", () => {
  const item = (log: string[], name: string, clock: FakeClock): { due(): void } => ({ due: () => log.push(`${name}@${clock.now()}`) });

  test("[L12] each at its time, with one timer, and none when nothing waits", async () => {
    const clock = new FakeClock(0);
    const scheduler = new Scheduler(clock);
    const log: string[] = [];
    const [a, b, c] = [item(log, "a", clock), item(log, "b", clock), item(log, "c", clock)];
    scheduler.set(a, 300);
    scheduler.set(b, 100);
    scheduler.set(c, 200);
    expect(clock.timers).toBe(1);
    scheduler.set(b, 250);
    scheduler.set(c, undefined);
    await clock.advance(1000);
    expect(log).toEqual(["b@250", "a@300"]);
    expect(clock.timers).toBe(0);
  });

  test("what is due at once is called from the timer, not from within", async () => {
    const clock = new FakeClock(50);
    const scheduler = new Scheduler(clock);
    const log: string[] = [];
    let again = 3;
    const busy = {
      due(): void {
        log.push(`busy@${clock.now()}`);
        if (--again > 0) scheduler.set(busy, 0);
      },
    };
    scheduler.set(busy, 0);
    expect(log).toEqual([]);
    await clock.advance(0);
    expect(log).toEqual(["busy@50", "busy@50", "busy@50"]);
  });

  test("days ahead: no timer longer than Node can take, and a clock that is set forward is noticed within a minute", async () => {
    const clock = new FakeClock(0);
    const scheduler = new Scheduler(clock);
    const log: string[] = [];
    const day = 86_400_000;
    scheduler.set(item(log, "a", clock), 60 * day);
    await clock.advance(day);
    clock.set(70 * day);
    await clock.advance(60_000);
    expect(log).toHaveLength(1);
  });

  test("a clock that is set back delays nothing that was asked for by it", async () => {
    const clock = new FakeClock(1_000_000);
    const scheduler = new Scheduler(clock);
    const log: string[] = [];
    scheduler.set(item(log, "late", clock), 1_050_000);
    clock.set(0);
    scheduler.set(item(log, "a", clock), 5000);
    await clock.advance(5000);
    expect(log).toEqual(["a@5000"]);
  });
});
