/** Where text goes; `process.stdout` is one. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** A line that is written over again and again on a terminal; elsewhere plain lines, at most one a second. */
export class LiveLine {
  readonly #screen: Screen;
  readonly #now: () => number;
  #shown = false;
  #lastPlainMs = Number.NEGATIVE_INFINITY;

  constructor(screen: Screen, now: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#now = now;
  }

  update(text: string): void {
    if (this.#screen.isTTY === true) {
      // A line longer than the terminal would wrap, and then not be overwritten.
      const line = text.slice(0, Math.max((this.#screen.columns ?? 80) - 1, 1));
      this.#screen.write(`\r\x1b[2K${line}`);
      this.#shown = true;
      return;
    }
    if (this.#now() - this.#lastPlainMs < 1000) return;
    this.#lastPlainMs = this.#now();
    this.#screen.write(`${text}\n`);
  }

  /** Prints a line of its own, which stays. */
  print(text: string): void {
    this.#end();
    this.#screen.write(`${text}\n`);
  }

  #end(): void {
    if (this.#shown) this.#screen.write("\n");
    this.#shown = false;
  }
}

/** Two columns, the second aligned. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join("\n");
}

/** A size as people read it. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Milliseconds as people read them; `-` before the first measurement. */
export function millisecondsText(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return ms < 10 ? ms.toFixed(1) : String(Math.round(ms));
}
