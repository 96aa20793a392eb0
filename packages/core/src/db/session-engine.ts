import { dirname } from "node:path";
import type { TXID } from "@ls/ltx";
import type { SQLiteDriver } from "../sqlite/driver.js";
import { createEngineHost } from "../worker/host.js";
import { closeEngine } from "./close-engine.js";
import { directoryExists } from "./meta/meta-directory.js";
import type { ResolvedDBOptions } from "./options.js";
import type { EngineEvent, EngineHost } from "./protocol.js";

/** The engine of a session: one after the other, where what the first knows of the disk is no longer so. */
export class SessionEngine {
  readonly #options: ResolvedDBOptions;
  readonly #driver: SQLiteDriver;
  readonly #said: (event: EngineEvent) => void;
  #host: EngineHost;
  #isStale = false;

  /** @param said told what each of the engines says. */
  constructor(options: ResolvedDBOptions, driver: SQLiteDriver, said: (event: EngineEvent) => void) {
    this.#options = options;
    this.#driver = driver;
    this.#said = said;
    this.#host = this.#create();
  }

  /** The one that there is now. */
  get host(): EngineHost {
    return this.#host;
  }

  /** Another one has to look at the disk afresh. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** False while the database is deleted with its directory, which another engine would make again. The one that there is says when it is back. */
  get isReplaceable(): boolean {
    return directoryExists(dirname(this.#options.settings.metaPath));
  }

  becameStale(): void {
    this.#isStale = true;
  }

  async replace(): Promise<void> {
    await this.abandon();
    await this.#host.dispose();
    this.#host = this.#create();
    this.#isStale = false;
  }

  /** Has it let everything go. It has nothing to say any more: all that counts is on the disk. */
  async abandon(): Promise<void> {
    await this.close({ discard: true, deadline: AbortSignal.abort() }).catch(() => {});
  }

  /** As {@link closeEngine}. */
  close(how: { readonly discard: boolean; readonly deadline: AbortSignal }): Promise<TXID> {
    return closeEngine(this.#host, { path: this.#options.settings.path, ...how });
  }

  dispose(): Promise<void> {
    return this.#host.dispose();
  }

  #create(): EngineHost {
    const { settings, host, workerURL } = this.#options;
    return createEngineHost({ kind: host, settings, driver: this.#driver, workerURL }, this.#said);
  }
}
