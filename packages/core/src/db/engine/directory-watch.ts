import { type FSWatcher, watch } from "node:fs";

interface Subscriber {
  readonly names: ReadonlySet<string>;
  readonly onEvent: () => void;
  readonly onEnd: () => void;
}

/** One watch per directory and thread, however many databases lie in it: the system counts watches, and each event would wake all of them. */
class SharedWatch {
  static readonly #active = new Map<string, SharedWatch>();
  readonly #directory: string;
  readonly #watcher: FSWatcher;
  readonly #byName = new Map<string, Set<Subscriber>>();
  readonly #all = new Set<Subscriber>();

  static of(directory: string): SharedWatch {
    const active = SharedWatch.#active.get(directory) ?? new SharedWatch(directory);
    SharedWatch.#active.set(directory, active);
    return active;
  }

  private constructor(directory: string) {
    this.#directory = directory;
    this.#watcher = watch(directory, { persistent: false }, (_event, name) => this.#onEvent(name));
    this.#watcher.on("error", () => {
      this.#close();
      for (const subscriber of [...this.#all]) subscriber.onEnd();
    });
  }

  add(subscriber: Subscriber): void {
    this.#all.add(subscriber);
    for (const name of subscriber.names) {
      const others = this.#byName.get(name);
      if (others === undefined) this.#byName.set(name, new Set([subscriber]));
      else others.add(subscriber);
    }
  }

  remove(subscriber: Subscriber): void {
    this.#all.delete(subscriber);
    for (const name of subscriber.names) {
      const subscribers = this.#byName.get(name);
      subscribers?.delete(subscriber);
      if (subscribers?.size === 0) this.#byName.delete(name);
    }
    if (this.#all.size === 0) this.#close();
  }

  #onEvent(name: string | null): void {
    // Some systems do not tell which file it was.
    const concerned = name === null ? this.#all : this.#byName.get(name);
    if (concerned !== undefined) for (const subscriber of [...concerned]) subscriber.onEvent();
  }

  #close(): void {
    this.#watcher.close();
    if (SharedWatch.#active.get(this.#directory) === this) SharedWatch.#active.delete(this.#directory);
  }
}

/**
 * Calls `onEvent` when something happens to files of these names in a directory.
 * @param onEnd the directory cannot be watched any more.
 * @returns a function that ends it.
 * @throws the system's error where the directory cannot be watched.
 */
export function watchFiles(directory: string, names: ReadonlySet<string>, onEvent: () => void, onEnd: () => void): () => void {
  const shared = SharedWatch.of(directory);
  const subscriber = { names, onEvent, onEnd };
  shared.add(subscriber);
  return () => shared.remove(subscriber);
}
