/** One request to the storage, as a service would count it. */
export interface MemoryRequest {
  readonly operation: "list" | "get" | "put" | "delete";
  /** Object key; of a list, the key prefix. */
  readonly key: string;
}

export interface MemoryObject {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Time of the LTX header; undefined when the stored bytes have none. */
  readonly headerTime: Date | undefined;
  /** When the object was stored, as a service without metadata would say. */
  readonly storedAt: Date;
}

/** Options of a `MemoryStorage`. */
export interface MemoryStorageOptions {
  /** Called before each request; what it throws is the request's failure. Default: nobody. */
  readonly onRequest?: ((request: MemoryRequest) => void) | undefined;
}

/** What a storage service holds: objects under keys. Clients that share one see each other's files. */
export class MemoryStorage {
  readonly #objects: Map<string, MemoryObject> = new Map();
  readonly #onRequest: ((request: MemoryRequest) => void) | undefined;

  constructor(options: MemoryStorageOptions = {}) {
    this.#onRequest = options.onRequest;
  }

  /** Keys with that prefix that sort after `after`, in order, at most `limit`. */
  list(prefix: string, after: string, limit: number): string[] {
    this.#onRequest?.({ operation: "list", key: prefix });
    return [...this.#objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort()
      .slice(0, limit);
  }

  get(key: string): MemoryObject | undefined {
    this.#onRequest?.({ operation: "get", key });
    return this.#objects.get(key);
  }

  /** What is stored under a key, without a request: size and times as a listing carries them. */
  stat(key: string): MemoryObject | undefined {
    return this.#objects.get(key);
  }

  /** Whether it was stored: with `onlyIfAbsent`, a key that exists stays as it is. */
  put(key: string, object: MemoryObject, onlyIfAbsent = false): boolean {
    this.#onRequest?.({ operation: "put", key });
    if (onlyIfAbsent && this.#objects.has(key)) return false;
    this.#objects.set(key, object);
    return true;
  }

  delete(key: string): void {
    this.#onRequest?.({ operation: "delete", key });
    this.#objects.delete(key);
  }
}
