import { statSync } from "node:fs";

const LOOK_MS = 10;

/** Watches how large the WAL of a database gets, until the end of its scope. */
export class WALPeak implements Disposable {
  readonly #path: string;
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;

  constructor(databasePath: string) {
    this.#path = `${databasePath}-wal`;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** The largest so far. */
  get bytes(): number {
    this.#look();
    return this.#bytes;
  }

  #look(): void {
    this.#bytes = Math.max(this.#bytes, statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
