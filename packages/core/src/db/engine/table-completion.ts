import type { Slicer } from "../../concurrency/slicer.js";
import type { Capture } from "./capture.js";
import type { CommittedEnd } from "./committed-end.js";
import type { Connections } from "./connections.js";
import type { LocalState } from "./local-state.js";
import { TableBuilder } from "./table-builder.js";
import type { ViewSource } from "./view-source.js";

export interface TableCompletionParts {
  readonly connections: Connections;
  readonly views: ViewSource;
  readonly local: LocalState;
  /** Where the committed frames end now. */
  readonly readEnd: () => CommittedEnd;
  /** Captures frames up to an end. */
  readonly grab: (end: CommittedEnd, slicer: Slicer) => Promise<void>;
}

/** Completes the page table of an attached database, where it is not complete, beside capture. */
export class TableCompletion {
  readonly #parts: TableCompletionParts;
  #builder: TableBuilder | undefined;

  constructor(parts: TableCompletionParts) {
    this.#parts = parts;
  }

  /** Goes on with it. @returns whether nothing remains to be built. */
  async step(capture: Capture, slicer: Slicer): Promise<boolean> {
    const { table } = this.#parts.local;
    if (table === undefined) return true;
    if (this.#builder === undefined) {
      if (table.unknownPages() === 0) return true;
      this.#builder = await this.#begin(capture, slicer);
      if (this.#builder === undefined) return false;
    }
    if (!this.#builder.step(table, capture, slicer)) return false;
    this.close();
    return true;
  }

  /** Gives up what was begun. Idempotent. */
  close(): void {
    this.#builder?.close();
    this.#builder = undefined;
  }

  /** @returns undefined when too much waits at once: a cut has to make room. */
  async #begin(capture: Capture, slicer: Slicer): Promise<TableBuilder | undefined> {
    const { connections, views, readEnd, grab } = this.#parts;
    const mark = connections.openReader();
    try {
      mark.begin();
      const end = readEnd();
      await grab(end, slicer);
      if (!capture.isBehind(end)) return new TableBuilder(await views.at(end, mark, slicer), mark);
    } catch (error) {
      mark.connection.close();
      throw error;
    }
    mark.connection.close();
    return undefined;
  }
}
