import { LSError, systemErrorCode, unlessAborted } from "@ls/core/backend-kit";
import { createClient, ErrorReply, RESP_TYPES } from "@redis/client";

/** A connection on which nothing moves for so long is given up, with every call that waits for it. */
const SILENCE_MS = 30_000;

export type Redis = ReturnType<typeof redisClient>;

/** One connection to a server: made by the first call, and by the next one after it was lost. Failures come in the contract's terms. */
export class Connection {
  readonly #redis: Redis;
  /** What errors call the server, whose URL may hold a password. */
  readonly #name: string;
  #connected: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(server: string, name: string) {
    this.#redis = redisClient(server);
    this.#name = name;
  }

  /** Has the server do something. The signal ends the wait for it, and nothing else. @throws LSError; the signal's reason. */
  async call<T>(signal: AbortSignal | undefined, work: (redis: Redis) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw new LSError("LS_NOT_OPEN", `the client of ${this.#name} is closed`);
    if (!this.#redis.isOpen) this.#connected = this.#redis.connect();
    const answer = this.#connected.then(() => work(this.#redis));
    return await unlessAborted(
      answer.catch((error: unknown) => Promise.reject(this.failure(error))),
      signal,
    );
  }

  /** What the contract calls an error of the server or of the connection. */
  failure(cause: unknown): LSError {
    const why = systemErrorCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
    const isDenied = cause instanceof ErrorReply && /^(NOAUTH|WRONGPASS|NOPERM)\b/.test(why);
    return new LSError(isDenied ? "LS_STORAGE_DENIED" : "LS_STORAGE_UNAVAILABLE", `${this.#name}: ${why}`, { cause, retryable: !isDenied });
  }

  close(): void {
    this.#isClosed = true;
    this.#redis.destroy();
  }
}

/** Server and path of `redis[s]://[[user]:password@]host[:port]/path`. @throws LSError `LS_INVALID_URL`, without the URL: it may hold a password. */
export function parseURL(url: string): { readonly server: string; readonly host: string; readonly path: string } {
  try {
    const { protocol, username, password, host, pathname, search, hash } = new URL(url);
    const path = decodeURIComponent(pathname.slice(1));
    if (path !== "" && search === "" && hash === "") return { server: `${protocol}//${username}:${password}@${host}`, host, path };
  } catch {
    // Not the cause of ours: it shows the URL.
  }
  throw new LSError("LS_INVALID_URL", "a Redis URL names a server and a path, as in redis://localhost:6379/backups/app");
}

/** Neither reconnects nor queues by itself: a call fails when it fails, and core tries again. Stored bytes come as bytes. */
function redisClient(url: string) {
  const redis = createClient({
    url,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false, socketTimeout: SILENCE_MS },
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  // An error event without a listener ends the process. The calls that fail tell of it.
  return redis.on("error", () => {});
}
