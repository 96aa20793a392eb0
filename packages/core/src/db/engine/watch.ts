import { basename, dirname } from "node:path";
import { followLinks } from "../../sqlite/borrowed-files.js";
import { watchFiles } from "./directory-watch.js";

/** More wake-ups than this within {@link WINDOW_MS} and watching costs more than looking every 50 ms (measured: 15–20 % of a core at 10,000 commits/s). */
const BUSY_WAKES = 40;
const WINDOW_MS = 100;
/** SQLite makes a commit visible just after its last write: a look at its first event would find nothing, and the commit wait for the next one. */
export const VISIBLE_MS = 1;

export interface WatchHandlers {
  /** Something begins to happen. @returns how long after that {@link WatchHandlers.onWake} follows, for all that happens by then, ms. */
  readonly onBegin: () => number;
  /** Something has happened. */
  readonly onWake: () => void;
  /** Events came too fast; the watch has stopped itself. */
  readonly onBusy: () => void;
}

/**
 * Wakes the engine when something happens to the database or its WAL. It watches the directory: a watch on `-wal` dies
 * with its inode, and on macOS a watch on the database opens and closes it, which drops SQLite's locks.
 * It only ever makes things faster; polling finds everything too.
 */
export class DatabaseWatch {
  readonly #path: string;
  readonly #handlers: WatchHandlers;
  #end: (() => void) | undefined;
  #wakeUp: NodeJS.Timeout | undefined;
  #windowStart = 0;
  #wakes = 0;

  constructor(path: string, handlers: WatchHandlers) {
    this.#path = path;
    this.#handlers = handlers;
  }

  get active(): boolean {
    return this.#end !== undefined;
  }

  /** Starts watching; does nothing where the directory cannot be watched (absent, inotify limit, network file system). */
  start(): void {
    if (this.#end !== undefined) return;
    const file = followLinks(this.#path);
    const names = [basename(file), `${basename(file)}-wal`];
    try {
      this.#end = watchFiles(dirname(file), { names, onEvent: () => this.#onEvent(), onEnd: () => this.stop() });
    } catch {
      // Polling is the net under every watch, so a refused watch costs latency only.
    }
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
    clearTimeout(this.#wakeUp);
    this.#wakeUp = undefined;
  }

  #onEvent(): void {
    // One commit makes several events; one wake-up follows them all.
    if (this.#wakeUp !== undefined) return;
    const now = performance.now();
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now;
      this.#wakes = 0;
    }
    if (++this.#wakes > BUSY_WAKES) {
      this.stop();
      this.#handlers.onBusy();
      return;
    }
    this.#wakeUp = setTimeout(() => {
      this.#wakeUp = undefined;
      this.#handlers.onWake();
    }, this.#handlers.onBegin());
  }
}
