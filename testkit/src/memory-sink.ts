import type { PageSink, RestoredShape } from "@ls/core/restore";

/** A sink that keeps the pages, and holds the restore to the sink's contract. */
export class MemorySink implements PageSink {
  /** The database, once `end` was called. */
  database: Uint8Array<ArrayBuffer> | undefined;
  shape: RestoredShape | undefined;
  /** Calls in order, without repetition. */
  readonly calls: string[] = [];
  #pages: Uint8Array<ArrayBuffer> | undefined;
  readonly #seen = new Set<number>();
  #isBusy = false;

  begin(shape: RestoredShape): Promise<void> {
    return this.#call("begin", () => {
      if (this.#pages !== undefined) throw new Error("begin inside an attempt");
      this.shape = shape;
      this.#pages = new Uint8Array(shape.commit * shape.pageSize);
    });
  }

  pages(pgnos: Uint32Array, data: Uint8Array): Promise<void> {
    return this.#call("pages", () => {
      const { pageSize, commit } = this.shape ?? { pageSize: 0, commit: 0 };
      if (this.#pages === undefined) throw new Error("pages outside an attempt");
      if (data.length !== pgnos.length * pageSize) throw new Error(`${data.length} bytes for ${pgnos.length} pages`);
      pgnos.forEach((pgno, i) => {
        if (this.#seen.has(pgno)) throw new Error(`page ${pgno} came twice`);
        if (pgno < 1 || pgno > commit) throw new Error(`page ${pgno} of ${commit}`);
        this.#seen.add(pgno);
        this.#pages?.set(data.subarray(i * pageSize, (i + 1) * pageSize), (pgno - 1) * pageSize);
      });
    });
  }

  end(): Promise<void> {
    return this.#call("end", () => {
      this.database = this.#pages;
    });
  }

  discard(): Promise<void> {
    return this.#call("discard", () => {
      this.#pages = undefined;
      this.#seen.clear();
    });
  }

  async #call(name: string, act: () => void): Promise<void> {
    if (this.#isBusy) throw new Error(`${name} overlaps another call`);
    this.#isBusy = true;
    if (this.calls.at(-1) !== name) this.calls.push(name);
    act();
    await Promise.resolve();
    this.#isBusy = false;
  }
}
