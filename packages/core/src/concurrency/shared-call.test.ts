import { describe, expect, it } from "vitest";
import { SharedCall } from "./shared-call.js";

/** Work that ends when it is told to, or aborted. */
function work() {
  let finish = (_: string): void => {};
  let aborts = 0;
  const call = new SharedCall<string>(
    (signal) =>
      new Promise((resolve, reject) => {
        finish = resolve;
        signal.addEventListener("abort", () => {
          aborts++;
          reject(signal.reason);
        });
      }),
  );
  return { call, finish: (value: string) => finish(value), aborts: () => aborts };
}

const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (reason: unknown) => reason,
  );

describe("SharedCall", () => {
  it("rejects only the caller that gave up", async () => {
    const { call, finish, aborts } = work();
    const first = new AbortController();
    const answers = [call.join(first.signal), call.join(new AbortController().signal), call.join(undefined)].map(reasonOf);
    first.abort("first gave up");
    expect(await answers[0]).toBe("first gave up");
    finish("done");
    expect(await Promise.all(answers)).toEqual(["first gave up", "done", "done"]);
    expect([aborts(), call.aborted]).toEqual([0, false]);
  });

  it("aborts the work when the last one gives up, also one whose signal was aborted before", async () => {
    const { call, aborts } = work();
    const controllers = [new AbortController(), new AbortController()];
    const answers = [...controllers.map(({ signal }) => call.join(signal)), call.join(AbortSignal.abort("at once"))].map(reasonOf);
    controllers[0]?.abort("one");
    await answers[0];
    expect(call.aborted).toBe(false);
    controllers[1]?.abort("two");
    expect(await Promise.all(answers)).toEqual(["one", "two", "at once"]);
    await call.settled();
    expect([aborts(), call.aborted]).toEqual([1, true]);
  });

  it("is over for all when it is aborted from outside", async () => {
    const { call } = work();
    const answers = [call.join(undefined), call.join(new AbortController().signal)].map(reasonOf);
    call.abort("closing");
    expect(await Promise.all(answers)).toEqual(["closing", "closing"]);
    await call.settled();
  });
});
