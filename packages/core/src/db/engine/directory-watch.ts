import { type FSWatcher, watch } from "node:fs";

/** Whoever wants to know what happens to some files of a directory. */
export interface Subscriber {
  /** Their names. */
  readonly names: readonly string[];
  /** Something happens to one of them. */
  onEvent(): void;
  /** The directory cannot be watched any more. */
  onEnd(): void;
}

/** One watch per directory and thread, however many databases lie in it: the system counts watches, and each event would wake all of them. */
class SharedWatch {
  static readonly #active = new Map<string, SharedWatch>();
  readonly #directory: string;
  readonly #watcher: FSWatcher;
  readonly #byName = new Map<string, readonly Subscriber[]>();
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
      this.#byName.set(name, [...(this.#byName.get(name) ?? []), subscriber]);
    }
  }

  remove(subscriber: Subscriber): void {
    this.#all.delete(subscriber);
    for (const name of subscriber.names) {
      const others = this.#byName.get(name)?.filter((one) => one !== subscriber) ?? [];
      if (others.length > 0) this.#byName.set(name, others);
      else this.#byName.delete(name);
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
 * Watches files of a directory for somebody.
 * @returns a function that ends it.
 * @throws the system's error where the directory cannot be watched.
 */
export function watchFiles(directory: string, subscriber: Subscriber): () => void {
  const shared = SharedWatch.of(directory);
  shared.add(subscriber);
  return () => shared.remove(subscriber);
}
