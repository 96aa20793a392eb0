import { describe, expect, test } from "vitest";
import { FakeClock } from "../../test/fake-clock.js";
import { Scheduler } from "./scheduler.js";

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
