import { isLSError, LSError } from "@ls/core/backend-kit";
import type { BrokenClient } from "./broken-client.js";

/** Cases that look whether a file is there. */
const SEEING_THAT_A_FILE_IS_NOT_THERE = [
  "abort.deleteAll",
  "abort.deleteLTXFiles",
  "abort.init",
  "abort.ltxFiles",
  "abort.openLTXFile",
  "abort.writeLTXFile",
  "atomic.abort",
  "atomic.sourceThrows",
  "delete.named",
  "delete.perFileErrors",
  "deleteAll.everything",
  "write.invisibleUntilComplete",
  "write.noHeader",
];

export const READING_DEFECTS: readonly BrokenClient[] = [
  {
    defect: "ignores the offset",
    named: "open.ranges",
    also: ["open.parallel", "open.pastEnd"],
    change: (right) => ({ openLTXFile: (ref, options) => right.openLTXFile(ref, { ...options, offset: 0 }) }),
  },
  {
    defect: "ignores the size",
    named: "open.ranges",
    also: ["open.parallel"],
    change: (right) => ({ openLTXFile: (ref, options) => right.openLTXFile(ref, { ...options, size: 0 }) }),
  },
  {
    defect: "takes size 0 for no bytes",
    named: "open.ranges",
    change: (right) => ({
      async *openLTXFile(ref, options) {
        if (options?.size !== 0) yield* right.openLTXFile(ref, options);
      },
    }),
  },
  {
    defect: "takes the size for the last byte's position, as an HTTP range has it",
    named: "open.ranges",
    also: ["open.parallel"],
    change: (right) => ({
      openLTXFile: (ref, options) => right.openLTXFile(ref, { ...options, size: options?.size === undefined || options.size === 0 ? 0 : options.size + 1 }),
    }),
  },
  {
    defect: "lets the service's answer 416 through at the end of a file",
    named: "open.pastEnd",
    change: (right) => ({
      async *openLTXFile(ref, options) {
        if ((options?.offset ?? 0) >= (right.peek(ref)?.length ?? Number.POSITIVE_INFINITY))
          throw new LSError("LS_STORAGE_UNAVAILABLE", "416", { retryable: true });
        yield* right.openLTXFile(ref, options);
      },
    }),
  },
  {
    defect: "gives nothing for a file that is not there",
    named: "open.missing",
    also: [...SEEING_THAT_A_FILE_IS_NOT_THERE, "errors.noSecrets"],
    change: (right) => ({
      async *openLTXFile(ref, options) {
        try {
          yield* right.openLTXFile(ref, options);
        } catch (error) {
          if (!isLSError(error, "LS_LTX_FILE_NOT_FOUND")) throw error;
        }
      },
    }),
  },
  {
    defect: "lets the service's own error through for a file that is not there",
    named: "open.missing",
    also: SEEING_THAT_A_FILE_IS_NOT_THERE,
    change: (right) => ({
      async *openLTXFile(ref, options) {
        try {
          yield* right.openLTXFile(ref, options);
        } catch (error) {
          throw isLSError(error, "LS_LTX_FILE_NOT_FOUND") ? Object.assign(new Error("NoSuchKey"), { statusCode: 404 }) : error;
        }
      },
    }),
  },
  {
    defect: "asks for the file at the time of the call",
    named: "open.lazy",
    change: (right) => ({
      openLTXFile(ref, options) {
        if (right.peek(ref) !== undefined) return right.openLTXFile(ref, options);
        return {
          [Symbol.asyncIterator]: () => ({
            async next() {
              options?.signal?.throwIfAborted();
              right.storage.get("");
              throw new LSError("LS_LTX_FILE_NOT_FOUND", "was not there");
            },
          }),
        };
      },
    }),
  },
  {
    defect: "gives every chunk in the same memory",
    named: "open.chunksAreOurs",
    change: (right) => ({
      async *openLTXFile(ref, options) {
        const memory = new Uint8Array(16 * 1024);
        for await (const chunk of right.openLTXFile(ref, options)) {
          memory.set(chunk);
          yield memory.subarray(0, chunk.length);
        }
      },
    }),
  },
  {
    defect: "gives its own memory away",
    named: "open.chunksAreOurs",
    change: (right) => ({
      async *openLTXFile(ref, options = {}) {
        const stored = right.peek(ref);
        if (stored === undefined || (options.offset ?? 0) > 0 || (options.size ?? 0) > 0) yield* right.openLTXFile(ref, options);
        else {
          right.storage.get("");
          for (let at = 0; at < stored.length; at += 65_536) {
            options.signal?.throwIfAborted();
            yield stored.subarray(at, at + 65_536);
          }
        }
      },
    }),
  },
  {
    defect: "loses the byte behind 5 MiB",
    named: "open.sizes",
    also: ["abort.whileReading", "write.invisibleUntilComplete", "write.sizeHint", "write.sourceReusesMemory", "write.unknownLength"],
    change: (right) => ({
      async *openLTXFile(ref, options) {
        let at = options?.offset ?? 0;
        for await (const chunk of right.openLTXFile(ref, options)) {
          yield at === 5 * 1024 * 1024 ? chunk.subarray(1) : chunk;
          at += chunk.length;
        }
      },
    }),
  },
  {
    defect: "reads all parts of one file through one position",
    named: "open.parallel",
    also: ["open.replaced"],
    change: (right) => {
      let position = 0;
      return {
        async *openLTXFile(ref, options = {}) {
          position = options.offset ?? 0;
          const end = options.size === undefined || options.size === 0 ? Number.POSITIVE_INFINITY : position + options.size;
          if (position >= end) return;
          do {
            let length = 0;
            for await (const chunk of right.openLTXFile(ref, { ...options, offset: position, size: Math.min(16_384, end - position) })) {
              position += chunk.length;
              length = chunk.length;
              yield chunk;
            }
            if (length === 0) return;
          } while (position < end);
        },
      };
    },
  },
  {
    defect: "asks for one part after the other, of whatever file has the name by then",
    named: "open.replaced",
    change: (right) => ({
      async *openLTXFile(ref, options = {}) {
        const end = options.size === undefined || options.size === 0 ? Number.POSITIVE_INFINITY : (options.offset ?? 0) + options.size;
        for (let at = options.offset ?? 0, length = -1; at < end && length !== 0; at += length) {
          length = 0;
          for await (const chunk of right.openLTXFile(ref, { ...options, offset: at, size: Math.min(16_384, end - at) })) {
            length += chunk.length;
            yield chunk;
          }
        }
      },
    }),
  },
  {
    defect: "calls a file that was replaced meanwhile an error that may pass",
    named: "open.replaced",
    change: (right) => ({
      async *openLTXFile(ref, options) {
        const opened = right.peek(ref);
        for await (const chunk of right.openLTXFile(ref, options)) {
          if (right.peek(ref) !== opened) throw new LSError("LS_STORAGE_UNAVAILABLE", "412", { retryable: true });
          yield chunk;
        }
      },
    }),
  },
  {
    defect: "reads on after an abort",
    named: "abort.whileReading",
    change: (right) => ({
      async *openLTXFile(ref, options = {}) {
        options.signal?.throwIfAborted();
        yield* right.openLTXFile(ref, { ...options, signal: undefined });
      },
    }),
  },
];
