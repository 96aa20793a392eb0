import type { MergeInput } from "./merge-input.js";

/**
 * The inputs of a merge by their current page: lowest page number first, and the newest input first among equals. A binary heap of plain
 * numbers: looked at for every frame, it touches none but the first input itself.
 */
export class PageQueue {
  readonly #inputs: readonly MergeInput[];
  readonly #pgnos: Uint32Array;
  readonly #orders: Uint32Array;
  #length = 0;

  /** @param inputs oldest first, as their `order` says. */
  constructor(inputs: readonly MergeInput[]) {
    this.#inputs = inputs;
    this.#pgnos = new Uint32Array(inputs.length);
    this.#orders = new Uint32Array(inputs.length);
  }

  push({ pgno, order }: MergeInput): void {
    const pgnos = this.#pgnos;
    const orders = this.#orders;
    let at = this.#length++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const otherPgno = pgnos[parent] ?? 0;
      const otherOrder = orders[parent] ?? 0;
      if (otherPgno < pgno || (otherPgno === pgno && otherOrder > order)) break;
      pgnos[at] = otherPgno;
      orders[at] = otherOrder;
      at = parent;
    }
    pgnos[at] = pgno;
    orders[at] = order;
  }

  first(): MergeInput | undefined {
    return this.#length === 0 ? undefined : this.#inputs[this.#orders[0] ?? 0];
  }

  removeFirst(): void {
    const last = --this.#length;
    if (last > 0) this.#sink(this.#pgnos[last] ?? 0, this.#orders[last] ?? 0);
  }

  /** Puts the first input where its new page number belongs. */
  moveFirst(): void {
    const order = this.#orders[0] ?? 0;
    this.#sink(this.#inputs[order]?.pgno ?? 0, order);
  }

  /** Puts an entry in the place of the first one, and from there where it belongs. */
  #sink(pgno: number, order: number): void {
    const pgnos = this.#pgnos;
    const orders = this.#orders;
    const length = this.#length;
    let at = 0;
    for (let child = 1; child < length; child = at * 2 + 1) {
      let nextPgno = pgnos[child] ?? 0;
      let nextOrder = orders[child] ?? 0;
      if (child + 1 < length) {
        const rightPgno = pgnos[child + 1] ?? 0;
        const rightOrder = orders[child + 1] ?? 0;
        if (rightPgno < nextPgno || (rightPgno === nextPgno && rightOrder > nextOrder)) {
          nextPgno = rightPgno;
          nextOrder = rightOrder;
          child++;
        }
      }
      if (pgno < nextPgno || (pgno === nextPgno && order > nextOrder)) break;
      pgnos[at] = nextPgno;
      orders[at] = nextOrder;
      at = child;
    }
    pgnos[at] = pgno;
    orders[at] = order;
  }
}
