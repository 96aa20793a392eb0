import { vi } from "vitest";

/** Resources that are operations under way, and not what they are done on. */
const REQUEST = /Req|ConnectWrap|WriteWrap|ShutdownWrap/;

/** Turns of the event loop without anything going on, after which nothing more is expected. */
const QUIET_TURNS = 3;

/**
 * Time that moves by hand, for everything in this process that asks for it or waits in JavaScript: databases with `host: "inline"`, Stores, clients. Sockets,
 * files and other processes keep the real one. So that hours are over in seconds, and nothing happens in them that would not: time stands still while
 * anything is going on.
 */
export class MovedTime implements Disposable {
  readonly #isBusy: () => boolean;

  /** @param isBusy whether something is under way that no file operation of this process shows, such as a request. */
  constructor(isBusy: () => boolean = () => false) {
    this.#isBusy = isBusy;
    vi.useFakeTimers({ now: Date.now(), toFake: ["Date", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  }

  /** Lets time pass: what is due in it happens at its time, each to its end before the next. */
  async pass(ms: number): Promise<void> {
    await this.settle();
    let isOver = false;
    setTimeout(() => {
      isOver = true;
    }, ms);
    while (!isOver) {
      vi.advanceTimersToNextTimer();
      await this.settle();
    }
  }

  /** Until nothing is going on any more but waiting for time to pass. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#isBusy() || process.getActiveResourcesInfo().some((resource) => REQUEST.test(resource))) quiet = 0;
    }
  }

  [Symbol.dispose](): void {
    vi.useRealTimers();
  }
}
