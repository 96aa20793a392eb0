import { type CallOptions, LSError, type ReplicaClient } from "@ls/core/backend-kit";
import { MemoryReplicaClient } from "../../src/memory/index.js";
import type { BrokenClient } from "./broken-client.js";

/** Every method but init and close, with something before it. */
function before(right: MemoryReplicaClient, step: (options: CallOptions) => Promise<void>): Partial<ReplicaClient> {
  return {
    async *ltxFiles(level, options = {}) {
      await step(options);
      yield* right.ltxFiles(level, options);
    },
    async *openLTXFile(ref, options = {}) {
      await step(options);
      yield* right.openLTXFile(ref, options);
    },
    async writeLTXFile(ref, data, options = {}) {
      await step(options);
      return right.writeLTXFile(ref, data, options);
    },
    async deleteLTXFiles(refs, options = {}) {
      await step(options);
      return right.deleteLTXFiles(refs, options);
    },
    async deleteAll(options = {}) {
      await step(options);
      return right.deleteAll(options);
    },
  };
}

/** Every error of the right client, as something else. */
function told(right: MemoryReplicaClient, as: (error: unknown) => unknown): Partial<ReplicaClient> {
  const tell = (error: unknown): never => {
    throw as(error);
  };
  return {
    init: (options) => right.init(options).catch(tell),
    async *ltxFiles(level, options) {
      try {
        yield* right.ltxFiles(level, options);
      } catch (error) {
        tell(error);
      }
    },
    async *openLTXFile(ref, options) {
      try {
        yield* right.openLTXFile(ref, options);
      } catch (error) {
        tell(error);
      }
    },
    writeLTXFile: (ref, data, options) => right.writeLTXFile(ref, data, options).catch(tell),
    deleteLTXFiles: (refs, options) =>
      right.deleteLTXFiles(refs, options).catch((error: unknown) => tell(error instanceof AggregateError ? new AggregateError(error.errors.map(as)) : error)),
    deleteAll: (options) => right.deleteAll(options).catch(tell),
  };
}

const codeOf = (error: unknown): string | undefined => (error instanceof LSError ? error.code : undefined);

/** Timers that a defect leaves behind, for the test to end. */
export const LEFT_BEHIND: ReturnType<typeof setInterval>[] = [];

export const BEHAVIOUR_DEFECTS: readonly BrokenClient[] = [
  { defect: "has no name", named: "contract.shape", change: () => ({ type: "" }) },
  {
    defect: "says that raw keys can be read, and has no method for it",
    named: "contract.shape",
    also: ["contract.capabilities"],
    change: (right) => ({ capabilities: { ...right.capabilities, rawKeys: true } }),
  },
  {
    defect: "does not say that it can create only",
    named: "contract.capabilities",
    change: (right) => ({ capabilities: { ...right.capabilities, createOnly: false } }),
  },
  { defect: "gives all places of a bucket one destination", named: "contract.destination", change: () => ({ destination: "memory://bucket" }) },
  {
    defect: "fails when it is initialised twice",
    named: "init.idempotent",
    change: (right) => {
      let done = false;
      return {
        async init(options) {
          await right.init(options);
          if (done) throw new LSError("LS_CONFLICT", "initialised already");
          done = true;
        },
      };
    },
  },
  {
    defect: "deleteAll wants to be initialised by hand",
    named: "init.implicit",
    also: ["deleteAll.everything", "deleteAll.many", "deleteAll.nothing", "place.deletesOnlyItself", "place.nested", "place.nestedStay", "place.unusualNames"],
    change: (right) => {
      let ready = false;
      return {
        async init(options) {
          await right.init(options);
          ready = true;
        },
        async deleteAll(options) {
          options?.signal?.throwIfAborted();
          if (!ready) throw new LSError("LS_NOT_OPEN", "call init first");
          await right.deleteAll(options);
        },
      };
    },
  },
  {
    defect: "refuses an owner",
    named: "init.owner",
    change: (right) => ({
      async init(options) {
        if (options?.owner !== undefined) throw new LSError("LS_INVALID_OPTION", "owner");
        await right.init(options);
      },
    }),
  },
  {
    defect: "remembers that init has failed",
    named: "errors.recovery",
    change: (right) => {
      let ready: Promise<void> | undefined;
      const init = (options: CallOptions): Promise<void> => {
        options.signal?.throwIfAborted();
        ready ??= right.init();
        return ready;
      };
      return { ...before(right, init), init: async (options = {}) => init(options) };
    },
  },
  {
    defect: "lets the first caller's abort fail everybody's init",
    named: "abort.othersGoOn",
    change: (right) => {
      let ready: Promise<void> | undefined;
      const init = async (options: CallOptions): Promise<void> => {
        options.signal?.throwIfAborted();
        ready ??= (async () => {
          await new Promise((resolve) => setTimeout(resolve, 2));
          await right.init(options);
        })().catch((error: unknown) => {
          ready = undefined;
          throw error;
        });
        await ready;
      };
      return { ...before(right, init), init: (options = {}) => init(options) };
    },
  },
  {
    defect: "wraps the reason of an abort",
    named: "abort.openLTXFile",
    also: [
      "abort.deleteAll",
      "abort.deleteLTXFiles",
      "abort.init",
      "abort.ltxFiles",
      "abort.whileListing",
      "abort.whileReading",
      "abort.writeLTXFile",
      "atomic.abort",
      "atomic.sourceThrows",
      "delete.perFileErrors",
      "errors.denied",
      "errors.outage",
    ],
    change: (right) => told(right, (error) => (error instanceof LSError || error instanceof RangeError ? error : new DOMException("aborted", "AbortError"))),
  },
  ...(["init", "deleteLTXFiles", "deleteAll"] as const).map(
    (method): BrokenClient => ({
      defect: `${method} does not look at the signal`,
      named: `abort.${method}`,
      change: (right) => ({
        init: method === "init" ? () => right.init() : (options) => right.init(options),
        deleteLTXFiles: method === "deleteLTXFiles" ? (refs) => right.deleteLTXFiles(refs) : (refs, options) => right.deleteLTXFiles(refs, options),
        deleteAll: method === "deleteAll" ? () => right.deleteAll() : (options) => right.deleteAll(options),
      }),
    }),
  ),
  {
    defect: "a write that was aborted before it began is done",
    named: "abort.writeLTXFile",
    change: (right) => ({
      writeLTXFile: (ref, data, options = {}) => right.writeLTXFile(ref, data, options.signal?.aborted === true ? { ...options, signal: undefined } : options),
    }),
  },
  {
    defect: "a listing that was aborted before it began is given",
    named: "abort.ltxFiles",
    change: (right) => ({
      ltxFiles: (level, options = {}) => right.ltxFiles(level, options.signal?.aborted === true ? { ...options, signal: undefined } : options),
    }),
  },
  {
    defect: "leaves a listener on every signal",
    named: "abort.listenersAreRemoved",
    change: (right) =>
      before(right, async ({ signal }) => {
        signal?.throwIfAborted();
        signal?.addEventListener("abort", () => {});
      }),
  },
  {
    defect: "cannot be closed twice",
    named: "close.idempotent",
    also: ["close.useAfter"],
    change: () => {
      let closed = false;
      return {
        async close() {
          if (closed) throw new LSError("LS_NOT_OPEN", "closed");
          closed = true;
        },
      };
    },
  },
  {
    defect: "hangs when it is used after close",
    named: "close.useAfter",
    change: (right) => {
      let closed = false;
      return {
        ...before(right, async (options) => {
          options.signal?.throwIfAborted();
          if (closed) await new Promise(() => {});
        }),
        async close() {
          closed = true;
        },
      };
    },
  },
  {
    defect: "closes what other clients use",
    named: "close.keepsFiles",
    change: (right) => ({
      async close() {
        await right.deleteAll();
      },
    }),
  },
  {
    defect: "stores what it has of a write when it is closed",
    named: "close.duringWrite",
    change: (right) => {
      const open = new Set<() => void>();
      return {
        async writeLTXFile(ref, data, options) {
          let closed = false;
          const mark = (): void => {
            closed = true;
          };
          open.add(mark);
          async function* untilClosed(): AsyncGenerator<Uint8Array, void, undefined> {
            for await (const chunk of data) {
              if (closed) return;
              yield chunk;
            }
          }
          return right.writeLTXFile(ref, untilClosed(), options).finally(() => open.delete(mark));
        },
        async close() {
          for (const mark of open) mark();
        },
      };
    },
  },
  {
    defect: "keeps a timer for every write",
    named: "close.releases",
    change: (right) => ({
      writeLTXFile(ref, data, options) {
        LEFT_BEHIND.push(setInterval(() => {}, 60_000));
        return right.writeLTXFile(ref, data, options);
      },
    }),
  },
  {
    defect: "allows one call at a time",
    named: "concurrent.firstCalls",
    also: ["concurrent.mixed", "delete.many", "deleteAll.many", "list.besideWrites", "list.many", "list.orderedSeek", "write.parallel"],
    change: (right) => {
      let busy = false;
      return {
        async writeLTXFile(ref, data, options) {
          if (busy) throw new LSError("LS_CONFLICT", "busy");
          busy = true;
          return right.writeLTXFile(ref, data, options).finally(() => {
            busy = false;
          });
        },
      };
    },
  },
  // `as`: a member beyond the contract is the defect.
  { defect: "shows its password to util.inspect", named: "errors.noSecrets", change: (_, secret) => ({ password: secret }) as Partial<ReplicaClient> },
  {
    defect: "names its password in the error of a refused login",
    named: "errors.noSecretsWhenDenied",
    change: (right, secret) =>
      told(right, (error) => (codeOf(error) === "LS_STORAGE_DENIED" ? new LSError("LS_STORAGE_DENIED", `user:${secret}@host refused`) : error)),
  },
  {
    defect: "has its password in the cause of an error",
    named: "errors.noSecretsWhenUnreachable",
    change: (right, secret) =>
      told(right, (error) =>
        codeOf(error) === "LS_STORAGE_UNAVAILABLE"
          ? new LSError("LS_STORAGE_UNAVAILABLE", "no", {
              retryable: true,
              cause: Object.assign(new Error("connect"), { request: { headers: { authorization: secret } } }),
            })
          : error,
      ),
  },
  {
    defect: "lets the service's own errors through",
    named: "errors.outage",
    change: (right) =>
      told(right, (error) => (codeOf(error) === "LS_STORAGE_UNAVAILABLE" ? Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }) : error)),
  },
  {
    defect: "says of what may pass that it stays",
    named: "errors.outage",
    change: (right) => told(right, (error) => (codeOf(error) === "LS_STORAGE_UNAVAILABLE" ? new LSError("LS_STORAGE_UNAVAILABLE", "no") : error)),
  },
  {
    defect: "tries refused credentials for ever",
    named: "errors.denied",
    change: (right) =>
      told(right, (error) => (codeOf(error) === "LS_STORAGE_DENIED" ? new LSError("LS_STORAGE_UNAVAILABLE", "403", { retryable: true }) : error)),
  },
  {
    defect: "decodes percent signs in the name of its place",
    named: "place.unusualNames",
    change: ({ storage, path }) => {
      const other = new MemoryReplicaClient({ storage, path: decodeURIComponent(path) });
      if (other.path === path) return {};
      return {
        ltxFiles: (level, options) => other.ltxFiles(level, options),
        writeLTXFile: (ref, data, options) => other.writeLTXFile(ref, data, options),
        deleteAll: (options) => other.deleteAll(options),
      };
    },
  },
  {
    defect: "deletes the place around an inner one",
    named: "place.nested",
    also: ["place.nestedStay"],
    change: ({ storage, path }) => ({
      async deleteAll(options) {
        options?.signal?.throwIfAborted();
        for (const key of storage.list(path.replace(/\/inner$/, "/"), "", Number.POSITIVE_INFINITY))
          if (key.startsWith(`${path.replace(/\/inner$/, "")}/`)) storage.delete(key);
      },
    }),
  },
];
