import type { TXID } from "@ls/ltx";

/**
 * How long acknowledged level-0 files stay beside the database, so that the merge into level 1 reads them here and not at the destination: until it
 * says that it holds them, or, when it does not come, for the term at least and twice the term at most. Two numbers do for any number of files.
 * Moments are `performance.now()`.
 */
export class CopyTerm {
  readonly #termMs: number;
  #releasedTXID: TXID = 0n;
  /** What was acknowledged when a term began: once it is over, all of that has been here for so long. */
  #mark: { readonly txid: TXID; readonly at: number } | undefined;

  /** @param termMs 0 = nothing merges these files, and none stays. */
  constructor(termMs: number) {
    this.#termMs = termMs;
  }

  /** Level 1 holds everything up to this TXID. */
  merged(txid: TXID): void {
    if (txid > this.#releasedTXID) this.#releasedTXID = txid;
  }

  /** Nothing up to here has to stay for a merge. */
  releasedTXID(acknowledgedTXID: TXID, now: number): TXID {
    if (this.#termMs === 0) return acknowledgedTXID;
    if (this.#mark === undefined || now >= this.#mark.at + this.#termMs) {
      if (this.#mark !== undefined) this.merged(this.#mark.txid);
      this.#mark = { txid: acknowledgedTXID, at: now };
    }
    return this.#releasedTXID;
  }
}
