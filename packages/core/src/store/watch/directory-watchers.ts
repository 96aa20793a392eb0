import { type FSWatcher, statSync, watch } from "node:fs";
import { basename } from "node:path";

/** After the system has refused a watch, none is asked for during this time: polling covers it. */
const REFUSED_MS = 60_000;

interface Watched {
  readonly watcher: FSWatcher;
  /** The directory that is watched, whatever its name. */
  readonly identity: string;
}

/**
 * One watch per directory. It only makes things faster: what the system does not tell (no watches left, network file systems) is found by looking
 * at everything now and then.
 */
export class DirectoryWatchers {
  readonly #onEvent: (directory: string, name: string | null, event: string) => void;
  readonly #watched: Map<string, Watched> = new Map();
  #refusedUntilMs = 0;

  constructor(onEvent: (directory: string, name: string | null, event: string) => void) {
    this.#onEvent = onEvent;
  }

  /** How many directories are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** Watches a directory, from now on if it is another one than before. */
  watch(directory: string): void {
    const identity = identityOf(directory);
    const known = this.#watched.get(directory);
    if (known !== undefined && known.identity === identity) return;
    this.#end(directory);
    if (identity === undefined || Date.now() < this.#refusedUntilMs) return;
    try {
      const watcher = watch(directory, { persistent: false }, (event, name) => {
        // Its own name = it is gone or moved; the next look watches what is there then.
        if (event === "rename" && name === basename(directory)) this.#end(directory);
        this.#onEvent(directory, name, event);
      });
      watcher.on("error", () => this.#end(directory));
      this.#watched.set(directory, { watcher, identity });
    } catch {
      this.#refusedUntilMs = Date.now() + REFUSED_MS;
    }
  }

  /** Ends the watches of all other directories. */
  keepOnly(directories: ReadonlySet<string>): void {
    for (const directory of this.#watched.keys()) if (!directories.has(directory)) this.#end(directory);
  }

  close(): void {
    this.keepOnly(new Set());
  }

  #end(directory: string): void {
    this.#watched.get(directory)?.watcher.close();
    this.#watched.delete(directory);
  }
}

/** The number of an inode is given again at once, its birth is not. */
function identityOf(directory: string): string | undefined {
  const stat = statSync(directory, { throwIfNoEntry: false });
  return stat?.isDirectory() === true ? `${stat.dev} ${stat.ino} ${stat.birthtimeMs}` : undefined;
}
