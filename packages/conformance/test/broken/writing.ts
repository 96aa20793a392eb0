import { LSError, type LTXFileRef, nextChunk, type WriteOptions } from "@ls/core/backend-kit";
import { formatLTXFilename } from "@ls/ltx";
import type { MemoryReplicaClient } from "../../src/memory/index.js";
import type { BrokenClient } from "./broken-client.js";

const keyOf = (right: MemoryReplicaClient, { level, minTXID, maxTXID }: LTXFileRef): string =>
  `${right.path}/ltx/${level}/${formatLTXFilename(minTXID, maxTXID)}`;

/** A source whose chunks go through a function. */
async function* mapped(data: AsyncIterable<Uint8Array>, chunk: (chunk: Uint8Array, at: number) => Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for await (const one of data) {
    yield chunk(one, at);
    at += one.length;
  }
}

/** The right client's write, with other options. */
const withOptions =
  (other: (options: WriteOptions) => WriteOptions): BrokenClient["change"] =>
  (right) => ({ writeLTXFile: (ref, data, options = {}) => right.writeLTXFile(ref, data, other(options)) });

export const WRITING_DEFECTS: readonly BrokenClient[] = [
  {
    defect: "takes a source that throws for one that ends",
    named: "atomic.sourceThrows",
    also: ["atomic.failureKeepsOld", "createOnly.failureReservesNothing"],
    change: (right) => ({
      writeLTXFile(ref, data, options) {
        async function* swallowing(): AsyncGenerator<Uint8Array, void, undefined> {
          try {
            yield* data;
          } catch {
            // The defect.
          }
        }
        return right.writeLTXFile(ref, swallowing(), options);
      },
    }),
  },
  {
    defect: "leaves the part that came before a failure",
    named: "atomic.sourceThrows",
    also: ["atomic.failureKeepsOld", "createOnly.failureReservesNothing"],
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        const chunks: Uint8Array[] = [];
        const kept = mapped(data, (chunk) => {
          chunks.push(chunk.slice());
          return chunk;
        });
        try {
          return await right.writeLTXFile(ref, kept, options);
        } catch (error) {
          if (!(error instanceof LSError) && chunks.length > 0 && options?.signal === undefined) right.put(ref, chunks[0] ?? new Uint8Array(0));
          throw error;
        }
      },
    }),
  },
  {
    defect: "deletes the old file before it has the new one",
    named: "atomic.failureKeepsOld",
    change: (right) => ({
      async writeLTXFile(ref, data, options = {}) {
        options.signal?.throwIfAborted();
        if (options.createOnly !== true && right.peek(ref) !== undefined) await right.deleteLTXFiles([ref]);
        return right.writeLTXFile(ref, data, options);
      },
    }),
  },
  {
    defect: "tells a source's failure as one of its own, without the cause",
    named: "atomic.sourceThrows",
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        try {
          return await right.writeLTXFile(ref, data, options);
        } catch (error) {
          throw error instanceof Error && error.message === "the source failed" ? new LSError("LS_STORAGE_UNAVAILABLE", "upload failed") : error;
        }
      },
    }),
  },
  {
    defect: "shows a file while it is being written",
    named: "write.invisibleUntilComplete",
    also: ["createOnly.race"],
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        const existed = right.peek(ref) !== undefined;
        const shown = mapped(data, (chunk, at) => {
          if (at === 0 && !existed && options?.createOnly !== true && options?.signal === undefined) right.put(ref, chunk);
          return chunk;
        });
        try {
          return await right.writeLTXFile(ref, shown, options);
        } catch (error) {
          if (!existed) await right.deleteLTXFiles([ref]);
          throw error;
        }
      },
    }),
  },
  {
    defect: "looks at the signal only between chunks, so that a hanging source hangs the write",
    named: "atomic.abort",
    also: ["abort.writeLTXFile", "close.releases"],
    change: (right) => ({
      writeLTXFile(ref, data, options = {}) {
        options.signal?.throwIfAborted();
        const checked = mapped(data, (chunk) => {
          options.signal?.throwIfAborted();
          return chunk;
        });
        return right.writeLTXFile(ref, checked, { ...options, signal: undefined });
      },
    }),
  },
  {
    defect: "does not end the source of an aborted write",
    named: "atomic.sourceIsReleased",
    change: (right) => ({
      writeLTXFile(ref, data, options) {
        const source = data[Symbol.asyncIterator]();
        return right.writeLTXFile(ref, { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) }, options);
      },
    }),
  },
  {
    defect: "keeps chunks without copying them",
    named: "write.sourceReusesMemory",
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        const source = data[Symbol.asyncIterator]();
        const chunks: Uint8Array[] = [];
        try {
          for (let chunk = await nextChunk(source, options?.signal); chunk !== undefined; chunk = await nextChunk(source, options?.signal)) chunks.push(chunk);
        } catch (error) {
          void source.return?.().catch(() => {});
          throw error;
        }
        async function* again(): AsyncGenerator<Uint8Array, void, undefined> {
          yield* chunks;
        }
        return right.writeLTXFile(ref, again(), options);
      },
    }),
  },
  {
    defect: "takes an empty chunk for the end",
    named: "write.chunks",
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        async function* untilEmpty(): AsyncGenerator<Uint8Array, void, undefined> {
          for await (const chunk of data) {
            if (chunk.length === 0) return;
            yield chunk;
          }
        }
        return right.writeLTXFile(ref, untilEmpty(), options);
      },
    }),
  },
  {
    defect: "believes the size hint",
    named: "write.sizeHint",
    change: (right) => ({
      writeLTXFile(ref, data, options) {
        const hint = options?.sizeHint;
        return right.writeLTXFile(ref, hint === undefined ? data : mapped(data, (chunk, at) => chunk.subarray(0, Math.max(0, hint - at))), options);
      },
    }),
  },
  {
    defect: "refuses streams of unknown length above 10 MiB",
    named: "write.unknownLength",
    also: ["open.sizes", "write.invisibleUntilComplete"],
    change: (right) => ({
      writeLTXFile(ref, data, options) {
        const limited = mapped(data, (chunk, at) => {
          if (options?.sizeHint === undefined && at + chunk.length > 10 * 1024 * 1024) throw new LSError("LS_STORAGE_UNAVAILABLE", "length required");
          return chunk;
        });
        return right.writeLTXFile(ref, limited, options);
      },
    }),
  },
  {
    defect: "writes whatever comes, header or not",
    named: "write.noHeader",
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        const chunks: Uint8Array[] = [];
        try {
          return await right.writeLTXFile(
            ref,
            mapped(data, (chunk) => {
              chunks.push(chunk.slice());
              return chunk;
            }),
            options,
          );
        } catch (error) {
          if (!(error instanceof LSError) || error.code !== "LS_LTX_CORRUPTED") throw error;
          const bytes = Buffer.concat(chunks);
          right.put(ref, bytes);
          return { ...ref, size: bytes.length, createdAt: new Date() };
        }
      },
    }),
  },
  {
    defect: "says the time of the upload",
    named: "write.result",
    also: ["write.chunks"],
    change: (right) => ({ writeLTXFile: async (ref, data, options) => ({ ...(await right.writeLTXFile(ref, data, options)), createdAt: new Date() }) }),
  },
  {
    defect: "says the caller's size, not the stored one",
    named: "write.result",
    change: (right) => ({ writeLTXFile: async (ref, data, options) => ({ ...(await right.writeLTXFile(ref, data, options)), ...ref }) }),
  },
  {
    defect: "leaves a file that exists, and says that it was written",
    named: "write.overwrite",
    also: ["list.overwritten", "open.sizes", "time.overwritten", "write.sizeHint", "write.sourceReusesMemory"],
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        const old = right.peek(ref)?.slice();
        const info = await right.writeLTXFile(ref, data, options);
        if (old !== undefined) right.put(ref, old);
        return info;
      },
    }),
  },
  {
    defect: "takes any level, and any text for one",
    named: "write.impossibleName",
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        try {
          return await right.writeLTXFile(ref, data, options);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          return { ...ref, size: 0, createdAt: new Date() };
        }
      },
    }),
  },
  {
    defect: "gathers the chunks of all writers of a file in one temporary file",
    named: "write.sameAtOnce",
    change: (right) => ({
      async writeLTXFile(ref, data, options) {
        const key = keyOf(right, ref);
        const owner = !TEMPORARY.has(key);
        TEMPORARY.add(key);
        const mixing = mapped(data, (chunk, at) => (owner || at === 0 ? chunk : new Uint8Array(chunk.length)));
        return right.writeLTXFile(ref, mixing, options).finally(() => TEMPORARY.delete(key));
      },
    }),
  },
  {
    defect: "ignores createOnly",
    named: "createOnly.exists",
    also: ["createOnly.race"],
    change: withOptions((options) => ({ ...options, createOnly: false })),
  },
  {
    defect: "looks whether the file exists, and writes then",
    named: "createOnly.race",
    change: (right) => ({
      async writeLTXFile(ref, data, options = {}) {
        if (options.createOnly === true && right.peek(ref) !== undefined) throw new LSError("LS_CONFLICT", "exists");
        return right.writeLTXFile(ref, data, { ...options, createOnly: false });
      },
    }),
  },
  {
    defect: "makes an empty file first to have the name, and leaves it when it fails",
    named: "createOnly.failureReservesNothing",
    change: (right) => ({
      async writeLTXFile(ref, data, options = {}) {
        options.signal?.throwIfAborted();
        if (options.createOnly !== true) return right.writeLTXFile(ref, data, options);
        if (!right.storage.put(keyOf(right, ref), { bytes: new Uint8Array(0), headerTime: undefined, storedAt: new Date() }, true))
          throw new LSError("LS_CONFLICT", "exists");
        return right.writeLTXFile(ref, data, { ...options, createOnly: false });
      },
    }),
  },
  {
    defect: "says of every refused write that the file is missing",
    named: "createOnly.exists",
    also: ["createOnly.race"],
    change: (right) => ({
      writeLTXFile: (ref, data, options) =>
        right.writeLTXFile(ref, data, options).catch((error: unknown) => {
          throw error instanceof LSError && error.code === "LS_CONFLICT" ? new LSError("LS_LTX_FILE_NOT_FOUND", "412") : error;
        }),
    }),
  },
];

/** Keys that are being written. */
const TEMPORARY = new Set<string>();
