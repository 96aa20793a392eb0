/** A wait that can be cut short. One waiter at a time. */
export class Alarm {
  #ring: (() => void) | undefined;

  /** Resolves after `ms`, or at the next {@link Alarm.ring}. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.ring(), ms);
      this.#ring = () => {
        clearTimeout(timer);
        this.#ring = undefined;
        resolve();
      };
    });
  }

  /** Ends the wait now; without effect when nobody waits. */
  ring(): void {
    this.#ring?.();
  }
}
