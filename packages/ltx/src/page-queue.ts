import type { MergeInput } from "./merge-input.js";

/** The inputs of a merge by their current page: lowest page number first, and the newest input first among equals. A binary heap. */
export class PageQueue {
  readonly #heap: MergeInput[] = [];

  push(input: MergeInput): void {
    const heap = this.#heap;
    let at = heap.push(input) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const other = heap[parent];
      if (other === undefined || !precedes(input, other)) break;
      heap[at] = other;
      at = parent;
    }
    heap[at] = input;
  }

  first(): MergeInput | undefined {
    return this.#heap[0];
  }

  removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.moveFirst();
  }

  /** Puts the first input where its new page number belongs. */
  moveFirst(): void {
    const heap = this.#heap;
    const input = heap[0];
    if (input === undefined) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      let next = heap[child];
      if (next === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && precedes(right, next)) {
        next = right;
        child++;
      }
      if (!precedes(next, input)) break;
      heap[at] = next;
      at = child;
    }
    heap[at] = input;
  }
}

function precedes(a: MergeInput, b: MergeInput): boolean {
  return a.pgno < b.pgno || (a.pgno === b.pgno && a.order > b.order);
}
