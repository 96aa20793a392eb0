interface Entry<T> {
  readonly item: T;
  atMs: number;
  /** Place in the heap. */
  at: number;
}

/** Items by the moment they are due at, earliest first: a binary heap that knows where each item is. An item is in it once at most. */
export class DueQueue<T> {
  readonly #heap: Entry<T>[] = [];
  readonly #entries: Map<T, Entry<T>> = new Map();

  get size(): number {
    return this.#heap.length;
  }

  /** When the first item is due; undefined = there is none. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  set(item: T, atMs: number): void {
    const known = this.#entries.get(item);
    if (known !== undefined) {
      known.atMs = atMs;
      this.#rise(known);
      this.#sink(known);
      return;
    }
    const entry = { item, atMs, at: this.#heap.length };
    this.#entries.set(item, entry);
    this.#heap.push(entry);
    this.#rise(entry);
  }

  delete(item: T): void {
    const entry = this.#entries.get(item);
    if (entry === undefined) return;
    this.#entries.delete(item);
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#put(last, entry.at);
    this.#rise(last);
    this.#sink(last);
  }

  /** Takes the first item out, if it is due. */
  takeDue(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.delete(first.item);
    return first.item;
  }

  #rise(entry: Entry<T>): void {
    while (entry.at > 0) {
      const parent = this.#heap[(entry.at - 1) >> 1];
      if (parent === undefined || parent.atMs <= entry.atMs) return;
      this.#swap(parent, entry);
    }
  }

  #sink(entry: Entry<T>): void {
    for (;;) {
      const left = this.#heap[2 * entry.at + 1];
      const right = this.#heap[2 * entry.at + 2];
      const child = right !== undefined && left !== undefined && right.atMs < left.atMs ? right : left;
      if (child === undefined || child.atMs >= entry.atMs) return;
      this.#swap(entry, child);
    }
  }

  /** `lower` lies below `upper`, and comes above it. */
  #swap(upper: Entry<T>, lower: Entry<T>): void {
    const { at } = upper;
    this.#put(upper, lower.at);
    this.#put(lower, at);
  }

  #put(entry: Entry<T>, at: number): void {
    entry.at = at;
    this.#heap[at] = entry;
  }
}
