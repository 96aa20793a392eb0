/** What was done in all cases, and what was wrong. */
export interface TallyReport {
  /** Calls by name. */
  readonly calls: Readonly<Record<string, number>>;
  /** How they ended: "ok", "aborted", or the code of an error. */
  readonly ends: Readonly<Record<string, number>>;
  /** Files that keeping stored or deleted meanwhile, by the event's type. */
  readonly kept: Readonly<Record<string, number>>;
  /** States that were promised to be at the destination. */
  readonly acknowledged: number;
  /** Restores that were compared with the database, or with what was promised. */
  readonly compared: number;
  readonly faults: readonly string[];
}

export class Tally {
  readonly #calls = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  readonly #kept = new Map<string, number>();
  readonly #faults: string[] = [];
  acknowledged = 0;
  compared = 0;

  call(name: string): void {
    increment(this.#calls, name);
  }

  end(how: string): void {
    increment(this.#ends, how);
  }

  kept(type: string): void {
    increment(this.#kept, type);
  }

  fault(text: string): void {
    this.#faults.push(text);
  }

  report(): TallyReport {
    return {
      calls: Object.fromEntries(this.#calls),
      ends: Object.fromEntries(this.#ends),
      kept: Object.fromEntries(this.#kept),
      acknowledged: this.acknowledged,
      compared: this.compared,
      faults: this.#faults,
    };
  }
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
