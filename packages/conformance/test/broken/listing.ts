import { type ListOptions, LSError, type LTXFileInfo } from "@ls/core/backend-kit";
import { parseLTXFilename } from "@ls/ltx";
import type { MemoryReplicaClient } from "../../src/memory/index.js";
import type { BrokenClient } from "./broken-client.js";

async function all(listing: AsyncIterable<LTXFileInfo>): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for await (const file of listing) files.push(file);
  return files;
}

/** A client whose listing is the right one, gone through a function. */
function listing(through: (files: LTXFileInfo[], options: ListOptions) => LTXFileInfo[]): BrokenClient["change"] {
  return (right) => ({
    async *ltxFiles(level, options = {}) {
      const files = through(await all(right.ltxFiles(level, { ...options, seek: 0n })), options);
      for (const file of files) {
        options.signal?.throwIfAborted();
        yield file;
      }
    },
  });
}

const atLeast = (files: LTXFileInfo[], seek = 0n): LTXFileInfo[] => files.filter((file) => file.minTXID >= seek);

/** Keys of the storage, read past the client. */
function keysBelow(right: MemoryReplicaClient, prefix: string): string[] {
  return right.storage.list(prefix, "", Number.POSITIVE_INFINITY);
}

export const LISTING_DEFECTS: readonly BrokenClient[] = [
  {
    defect: "lists in the order of writing, newest first",
    named: "list.order",
    also: [
      "abort.whileListing",
      "concurrent.firstCalls",
      "concurrent.mixed",
      "delete.named",
      "list.besideWrites",
      "list.interleaved",
      "list.largeTXIDs",
      "list.leftEarly",
      "list.many",
      "list.orderedSeek",
      "list.seek",
      "time.accurate",
      "time.listed",
      "write.parallel",
      "write.visibleAtOnce",
    ],
    change: listing((files, { seek }) => atLeast(files, seek).reverse()),
  },
  {
    defect: "sorts TXIDs as decimal text",
    named: "list.many",
    also: ["list.largeTXIDs", "list.order", "list.orderedSeek", "list.seek", "write.parallel"],
    change: listing((files, { seek }) => atLeast(files, seek).sort((a, b) => (String(a.minTXID) < String(b.minTXID) ? -1 : 1))),
  },
  {
    defect: "sorts by the first TXID only, and the last one backwards",
    named: "list.order",
    also: ["delete.named", "list.orderedSeek", "list.seek"],
    change: listing((files, { seek }) =>
      atLeast(files, seek).sort((a, b) => (a.minTXID === b.minTXID ? Number(b.maxTXID - a.maxTXID) : a.minTXID < b.minTXID ? -1 : 1)),
    ),
  },
  { defect: "ignores seek", named: "list.seek", also: ["list.interleaved", "list.many", "list.orderedSeek"], change: listing((files) => files) },
  {
    defect: "takes seek for exclusive",
    named: "list.seek",
    also: ["list.foreign", "list.interleaved", "list.many", "list.orderedSeek"],
    change: listing((files, { seek }) => (seek === undefined ? files : files.filter((file) => file.minTXID > seek))),
  },
  {
    defect: "keeps files that merely contain the seek position",
    named: "list.seek",
    also: ["list.orderedSeek"],
    change: listing((files, { seek = 0n }) => files.filter((file) => file.maxTXID >= seek)),
  },
  {
    defect: "gives the first page only",
    named: "list.many",
    also: ["list.orderedSeek"],
    change: listing((files, { seek }) => atLeast(files, seek).slice(0, 1000)),
  },
  {
    defect: "gives the last file of a page twice",
    named: "list.many",
    also: ["list.orderedSeek"],
    change: listing((files, { seek }) => atLeast(files, seek).flatMap((file, i) => (i === 999 ? [file, file] : [file]))),
  },
  {
    defect: "reads TXIDs as numbers",
    named: "list.largeTXIDs",
    also: ["list.orderedSeek"],
    change: listing((files, { seek }) => atLeast(files, seek).map((file) => ({ ...file, minTXID: BigInt(Number(file.minTXID)) }))),
  },
  {
    defect: "says size 0",
    named: "list.info",
    also: ["list.orderedSeek", "list.overwritten"],
    change: listing((files, { seek }) => atLeast(files, seek).map((file) => ({ ...file, size: 0 }))),
  },
  {
    defect: "keeps times in whole seconds",
    named: "time.accurate",
    also: ["list.orderedSeek", "time.listed", "time.overwritten"],
    change: listing((files, { seek }) =>
      atLeast(files, seek).map((file) => ({ ...file, createdAt: new Date(Math.floor(file.createdAt.getTime() / 1000) * 1000) })),
    ),
  },
  {
    defect: "lists at the time of the call, not of the first next()",
    named: "list.lazy",
    change: (right) => ({
      ltxFiles(level, options) {
        const files = all(right.ltxFiles(level, options));
        files.catch(() => {});
        return {
          async *[Symbol.asyncIterator]() {
            for (const file of await files) {
              options?.signal?.throwIfAborted();
              yield file;
            }
          },
        };
      },
    }),
  },
  {
    defect: "takes an error for an empty level",
    named: "errors.outage",
    also: ["errors.denied", "errors.noSecretsWhenDenied", "errors.noSecretsWhenUnreachable"],
    change: (right) => ({
      async *ltxFiles(level, options) {
        try {
          yield* right.ltxFiles(level, options);
        } catch (error) {
          if (!(error instanceof LSError)) throw error;
        }
      },
    }),
  },
  {
    defect: "cuts names at the first dot and so takes temporary files for files",
    named: "list.foreign",
    also: ["list.hostileNames"],
    change: (right) => ({
      async *ltxFiles(level, options = {}) {
        options.signal?.throwIfAborted();
        const prefix = `${right.path}/ltx/${level}/`;
        for (const key of keysBelow(right, prefix)) {
          const range = parseLTXFilename(`${key.slice(prefix.length).split(".")[0]}.ltx`);
          const object = right.storage.stat(key);
          options.signal?.throwIfAborted();
          if (range !== undefined && object !== undefined && range.minTXID >= (options.seek ?? 0n))
            yield { level, ...range, size: object.bytes.length, createdAt: object.headerTime ?? object.storedAt };
        }
      },
    }),
  },
  {
    defect: "stops at a name that it does not understand",
    named: "list.foreign",
    also: ["list.hostileNames", "place.nestedStay"],
    change: (right) => ({
      async *ltxFiles(level, options) {
        const prefix = `${right.path}/ltx/${level}/`;
        for (const key of keysBelow(right, prefix))
          if (parseLTXFilename(key.slice(prefix.length)) === undefined) throw new LSError("LS_INTERNAL", `what is ${key}?`);
        yield* right.ltxFiles(level, options);
      },
    }),
  },
  {
    defect: "takes names in which only the middle looks like a file name",
    named: "list.hostileNames",
    change: (right) => ({
      async *ltxFiles(level, options = {}) {
        yield* right.ltxFiles(level, options);
        for (const key of keysBelow(right, `${right.path}/ltx/${level}/`)) {
          const inner = /%2f([0-9a-f]{16}-[0-9a-f]{16}\.ltx)$/.exec(key)?.[1];
          const range = inner === undefined ? undefined : parseLTXFilename(inner);
          if (range !== undefined) yield { level, ...range, size: 1, createdAt: new Date(0) };
        }
      },
    }),
  },
  {
    defect: "lists with a prefix that has no slash at its end, and so finds app2 in app",
    named: "place.siblings",
    also: ["place.deletesOnlyItself"],
    change: (right) => ({
      async *ltxFiles(level, options = {}) {
        const found: LTXFileInfo[] = [];
        for (const key of keysBelow(right, right.path)) {
          const [, place = "", name = ""] = new RegExp(`^(.*)/ltx/${level}/(.*)$`).exec(key) ?? [];
          const range = parseLTXFilename(name);
          const object = right.storage.stat(key);
          if (range === undefined || object === undefined || place.slice(right.path.length).includes("/")) continue;
          if (range.minTXID >= (options.seek ?? 0n))
            found.push({ level, ...range, size: object.bytes.length, createdAt: object.headerTime ?? object.storedAt });
        }
        options.signal?.throwIfAborted();
        for (const file of found.sort((a, b) => (a.minTXID < b.minTXID || (a.minTXID === b.minTXID && a.maxTXID < b.maxTXID) ? -1 : 1))) {
          options.signal?.throwIfAborted();
          yield file;
        }
        right.ltxFiles(level);
      },
    }),
  },
  {
    defect: "filters after reading the whole level, though it declares orderedSeek",
    named: "list.orderedSeek",
    change: listing((files, { seek }) => atLeast(files, seek)),
  },
  {
    defect: "gives what it has listed even after an abort",
    named: "abort.whileListing",
    change: (right) => ({
      async *ltxFiles(level, options) {
        yield* await all(right.ltxFiles(level, options));
      },
    }),
  },
  {
    defect: "keeps one position for all listings of a level",
    named: "list.interleaved",
    change: (right) => {
      let shared: AsyncGenerator<LTXFileInfo, void, undefined> | undefined;
      return {
        async *ltxFiles(level, options) {
          shared ??= right.ltxFiles(level, options);
          try {
            for (let one = await shared.next(); one.done !== true; one = (await shared?.next()) ?? { done: true, value: undefined }) yield one.value;
          } finally {
            shared = undefined;
          }
        },
      };
    },
  },
];
