import fc from "fast-check";
import { expect, test } from "vitest";
import { OperationQueue } from "./operation-queue.js";

test("[A20] operations never overlap and run in order, whatever they await, throw or have cancelled", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ turns: fc.nat(3), fails: fc.boolean(), abortAfter: fc.option(fc.nat(6), { nil: undefined }) }), { maxLength: 20 }),
      async (plan) => {
        const queue = new OperationQueue();
        let running = 0;
        const order: number[] = [];
        const results = plan.map(({ turns, fails, abortAfter }, i) => {
          const controller = new AbortController();
          if (abortAfter !== undefined) {
            void (async () => {
              for (let n = 0; n < abortAfter; n++) await new Promise((resolve) => setImmediate(resolve));
              controller.abort(new Error("cancelled"));
            })();
          }
          return queue
            .run(async (signal) => {
              expect(++running).toBe(1);
              order.push(i);
              try {
                for (let n = 0; n < turns; n++) {
                  await new Promise((resolve) => setImmediate(resolve));
                  signal.throwIfAborted();
                }
                if (fails) throw new Error("failed");
              } finally {
                running--;
              }
            }, controller.signal)
            .then(
              () => "done",
              (error: Error) => error.message,
            );
        });
        for (const [i, result] of (await Promise.all(results)).entries()) {
          const { fails, abortAfter } = plan[i] ?? { fails: false, abortAfter: undefined };
          expect([fails ? "failed" : "done", abortAfter === undefined ? "" : "cancelled"]).toContain(result);
        }
        expect(order).toEqual([...order].sort((a, b) => a - b));
      },
    ),
  );
});

test("[A17] a waiting operation that is cancelled leaves at once", async () => {
  const queue = new OperationQueue();
  let finish = (): void => {};
  const first = queue.run(() => new Promise<void>((resolve) => (finish = resolve)));
  const controller = new AbortController();
  const second = queue.run(() => {}, controller.signal);
  controller.abort("enough");
  await expect(second).rejects.toBe("enough");
  finish();
  await first;
});

test("closing refuses what waits and what comes, and lets the running one finish", async () => {
  const queue = new OperationQueue();
  let finish = (_: string): void => {};
  const running = queue.run(() => new Promise<string>((resolve) => (finish = resolve)));
  const waiting = queue.run(() => {});
  queue.close();
  await expect(waiting).rejects.toMatchObject({ code: "LS_NOT_OPEN" });
  await expect(queue.run(() => {})).rejects.toMatchObject({ code: "LS_NOT_OPEN" });
  finish("done");
  await expect(running).resolves.toBe("done");
});

test("the running operation can be told to give up", async () => {
  const queue = new OperationQueue();
  const running = queue.run((signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
  queue.abortRunning("over");
  await expect(running).rejects.toBe("over");
});
