import type { DBEvent } from "@ls/core";
import { formatTXID } from "@ls/core";
import { Percentiles } from "./lag.js";
import { bytesText, millisecondsText } from "./terminal.js";

/** Adds up what reached the destination, for the live line. */
export class Progress {
  #txid = 0n;
  #pages = 0;
  #bytes = 0;
  readonly #lag = new Percentiles();

  onEvent(event: DBEvent): void {
    if (event.type !== "uploaded") return;
    this.#txid = event.txid;
    this.#pages += event.pageCount ?? 0;
    this.#bytes += event.sizeBytes;
    this.#lag.add(event.lagMs);
  }

  get text(): string {
    const lag = `${millisecondsText(this.#lag.at(0.5))}/${millisecondsText(this.#lag.at(0.99))}`;
    return `TXID ${formatTXID(this.#txid)} · ${this.#pages} pages · ${bytesText(this.#bytes)} · lag p50/p99 ${lag} ms`;
  }
}
