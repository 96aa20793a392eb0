/** Lets so many pieces of work run at a time; the others wait in order. */
export class Limit {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param count at least 1. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Whether what is run now is run at once. */
  get isFree(): boolean {
    return this.#free > 0;
  }

  /** Runs `work` when it is its turn. What is to be cancelled looks at its signal then: those before it end soon when theirs is the same. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      // The place goes on to the next one, without becoming free in between.
      else next();
    }
  }
}
