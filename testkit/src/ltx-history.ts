import type { LTXFileRef } from "@ls/core/backend-kit";
import { encodeLTX, type LTXPage, lockPage, mergeLTX } from "@ls/ltx";
import type { MemoryClient } from "./memory-client.js";
import type { Random } from "./random.js";

export interface HistoryOptions {
  readonly pageSize?: number;
  readonly transactions: number;
  /** Largest size in pages. Default 40. */
  readonly maxPages?: number;
}

/** Time of TXID 1; each further TXID is a second later. */
export const HISTORY_START: number = Date.UTC(2026, 0, 31, 12);

/**
 * A made-up database that changes, grows and shrinks, as LTX files; and every state of it, to compare restores with. Its pages are random bytes:
 * what SQLite would say about them is not the question here.
 */
export class LTXHistory {
  readonly pageSize: number;
  /** State n is the database after TXID n; state 0 is empty. */
  readonly #states: Uint8Array<ArrayBuffer>[] = [new Uint8Array(0)];
  readonly #changed: ReadonlySet<number>[] = [new Set()];

  constructor(random: Random, options: HistoryOptions) {
    this.pageSize = options.pageSize ?? 512;
    for (let n = 1; n <= options.transactions; n++) this.#addTransaction(random, options.maxPages ?? 40);
  }

  get newest(): bigint {
    return BigInt(this.#states.length - 1);
  }

  state(txid: bigint): Uint8Array<ArrayBuffer> {
    const state = this.#states[Number(txid)];
    if (state === undefined) throw new RangeError(`no TXID ${txid}`);
    return state;
  }

  timeOf(txid: bigint): Date {
    return new Date(HISTORY_START + Number(txid - 1n) * 1000);
  }

  /** One L0 file; TXID 1 holds every page. */
  async raw(txid: bigint): Promise<Uint8Array> {
    return this.#encoded(txid, txid, this.#changed[Number(txid)] ?? new Set());
  }

  /** A file of the whole state, as a snapshot or an image in mid-chain. */
  async image(minTXID: bigint, maxTXID: bigint): Promise<Uint8Array> {
    const commit = this.state(maxTXID).length / this.pageSize;
    return this.#encoded(minTXID, maxTXID, new Set(Array.from({ length: commit }, (_, i) => i + 1)));
  }

  /** The raw files of a range merged into one. */
  async merged(minTXID: bigint, maxTXID: bigint): Promise<Uint8Array> {
    const inputs: AsyncIterable<Uint8Array>[] = [];
    for (let txid = minTXID; txid <= maxTXID; txid++) inputs.push(once(await this.raw(txid)));
    return concat(mergeLTX(inputs));
  }

  /** Puts a file for each of `refs`: raw at level 0, an image at level 9, merged in between. */
  async putAll(client: MemoryClient, refs: Iterable<LTXFileRef>): Promise<void> {
    for (const ref of refs) {
      const { level, minTXID, maxTXID } = ref;
      const bytes = level === 9 ? this.image(minTXID, maxTXID) : minTXID === maxTXID ? this.raw(minTXID) : this.merged(minTXID, maxTXID);
      client.put(ref, await bytes);
    }
  }

  /** Every raw file. */
  rawRefs(): LTXFileRef[] {
    return Array.from({ length: Number(this.newest) }, (_, i) => ({ level: 0, minTXID: BigInt(i + 1), maxTXID: BigInt(i + 1) }));
  }

  #addTransaction(random: Random, maxPages: number): void {
    const before = this.#states.at(-1) ?? new Uint8Array(0);
    const oldCommit = before.length / this.pageSize;
    const commit = oldCommit === 0 || random.chance(0.3) ? random.int(1, maxPages) : oldCommit;
    const state = new Uint8Array(commit * this.pageSize);
    state.set(before.subarray(0, state.length));
    const changed = new Set<number>();
    for (let pgno = 1; pgno <= commit; pgno++) {
      if (pgno <= oldCommit && !random.chance(0.2)) continue;
      changed.add(pgno);
      state.set(random.bytes(this.pageSize), (pgno - 1) * this.pageSize);
    }
    this.#states.push(state);
    this.#changed.push(changed);
  }

  #encoded(minTXID: bigint, maxTXID: bigint, pgnos: ReadonlySet<number>): Promise<Uint8Array> {
    const state = this.state(maxTXID);
    const { pageSize } = this;
    const commit = state.length / pageSize;
    function* pages(): Generator<LTXPage> {
      for (const pgno of [...pgnos].sort((a, b) => a - b)) {
        if (pgno !== lockPage(pageSize)) yield { pgno, data: state.subarray((pgno - 1) * pageSize, pgno * pageSize) };
      }
    }
    return concat(encodeLTX({ pageSize, commit, minTXID, maxTXID, timestampMs: this.timeOf(maxTXID).getTime() }, pages()));
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function concat(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
