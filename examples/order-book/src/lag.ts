/** Keeps the newest measurements and tells their percentiles. */
export class Percentiles {
  readonly #values: number[] = [];
  readonly #capacity: number;

  constructor(capacity = 1000) {
    this.#capacity = capacity;
  }

  add(value: number): void {
    this.#values.push(value);
    if (this.#values.length > this.#capacity) this.#values.shift();
  }

  /**
   * The smallest value that is not below `share` of the values.
   * @param share 0 to 1
   * @returns undefined before the first value
   */
  at(share: number): number | undefined {
    const sorted = [...this.#values].sort((a, b) => a - b);
    return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)];
  }
}
