import { PageHasher } from "@ls/ltx";
import type { PageSink, RestoredShape } from "../restore/page-sink.js";
import type { PageHashes } from "./protocol.js";

/** Takes a restored state in and keeps only one hash per page. */
export class HashingSink implements PageSink {
  #shape: RestoredShape | undefined;
  /** Low and high word of page n at 2·(n − 1). */
  #words: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #hasher: PageHasher | undefined;
  #scratch: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #complete = false;

  begin(shape: RestoredShape): void {
    this.#shape = shape;
    this.#words = new Uint32Array(shape.commit * 2);
    this.#hasher ??= new PageHasher();
    this.#complete = false;
  }

  pages(pgnos: Uint32Array, data: Uint8Array): void {
    const hasher = this.#hasher;
    if (this.#shape === undefined || hasher === undefined) throw new TypeError("no state has begun");
    const { pageSize } = this.#shape;
    const step = Math.floor(hasher.input.length / pageSize);
    for (let done = 0; done < pgnos.length; done += step) {
      const count = Math.min(step, pgnos.length - done);
      if (this.#scratch.length < count * 2) this.#scratch = new Uint32Array(count * 2);
      hasher.input.set(data.subarray(done * pageSize, (done + count) * pageSize));
      hasher.hash(pageSize, count, this.#scratch);
      for (let i = 0; i < count; i++) {
        const at = ((pgnos[done + i] ?? 0) - 1) * 2;
        this.#words[at] = this.#scratch[i * 2] ?? 0;
        this.#words[at + 1] = this.#scratch[i * 2 + 1] ?? 0;
      }
    }
  }

  end(): void {
    this.#complete = true;
    this.#release();
  }

  discard(): void {
    this.#words = new Uint32Array(0);
    this.#release();
  }

  /** The hashes of the state; call it once the restore has succeeded. */
  hashes(): PageHashes {
    if (this.#shape === undefined || !this.#complete) throw new TypeError("the state is not complete");
    const { txid, pageSize, commit } = this.#shape;
    return { txid, pageSize, commit, hashes: new BigUint64Array(this.#words.buffer) };
  }

  #release(): void {
    this.#hasher?.dispose();
    this.#hasher = undefined;
  }
}

/** One restore into two sinks; `second` sees everything after `first` has succeeded with it. */
export function teeSinks(first: PageSink, second: PageSink): PageSink {
  return {
    async begin(shape) {
      await first.begin(shape);
      await second.begin(shape);
    },
    async pages(pgnos, data) {
      await first.pages(pgnos, data);
      await second.pages(pgnos, data);
    },
    async end() {
      await first.end();
      await second.end();
    },
    async discard() {
      try {
        await first.discard();
      } finally {
        await second.discard();
      }
    },
  };
}
