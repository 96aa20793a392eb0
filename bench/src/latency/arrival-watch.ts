import { type FSWatcher, mkdirSync, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { isLTXError, LTXDecoder, parseLTXFilename } from "@ls/ltx";

/** Beside the directory watch, for a file whose name appears before its last byte. */
const LOOK_AGAIN_MS = 5;

/** Looks at every new LTX file in a directory, and notes when a mark that was committed is in one of them for the first time. */
export class ArrivalWatch implements Disposable {
  readonly #directory: string;
  readonly #watcher: FSWatcher;
  readonly #timer: NodeJS.Timeout;
  readonly #seen = new Set<string>();
  readonly #waiting = new Map<string, number>();
  readonly latenciesMs: number[] = [];

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    for (const name of readdirSync(directory)) this.#seen.add(name);
    this.#watcher = watch(directory, () => this.#look());
    this.#timer = setInterval(() => this.#look(), LOOK_AGAIN_MS);
  }

  /** Marks that no file held so far. */
  get pending(): number {
    return this.#waiting.size;
  }

  expect(mark: string, committedAtMs: number): void {
    this.#waiting.set(mark, committedAtMs);
  }

  #look(): void {
    const now = performance.now();
    for (const name of readdirSync(this.#directory)) {
      if (this.#seen.has(name) || parseLTXFilename(name) === undefined) continue;
      const pages = readPages(join(this.#directory, name));
      if (pages === undefined) continue;
      this.#seen.add(name);
      for (const [mark, committedAtMs] of this.#waiting) {
        if (!pages.some((page) => page.includes(mark))) continue;
        this.latenciesMs.push(now - committedAtMs);
        this.#waiting.delete(mark);
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#watcher.close();
  }
}

/** The pages of a complete LTX file; `undefined` while it is not complete. */
function readPages(path: string): Buffer[] | undefined {
  const decoder = new LTXDecoder();
  try {
    const pages: Buffer[] = [];
    for (const { data, count } of decoder.push(readFileSync(path))) {
      const pageSize = decoder.header?.pageSize ?? 0;
      pages.push(Buffer.from(data.subarray(0, count * pageSize)));
    }
    decoder.finish();
    return pages;
  } catch (error) {
    if (isLTXError(error)) return undefined;
    throw error;
  } finally {
    decoder.dispose();
  }
}
