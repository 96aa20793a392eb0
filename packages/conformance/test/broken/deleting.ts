import { ALL_LEVELS, LSError } from "@ls/core/backend-kit";
import type { BrokenClient } from "./broken-client.js";

export const DELETING_DEFECTS: readonly BrokenClient[] = [
  {
    defect: "fails for a file that is gone already",
    named: "delete.missing",
    also: ["close.useAfter", "concurrent.firstCalls", "errors.denied", "errors.outage"],
    change: (right) => ({
      async deleteLTXFiles(refs, options) {
        options?.signal?.throwIfAborted();
        for (const ref of refs) if (right.peek(ref) === undefined) throw new AggregateError([new LSError("LS_LTX_FILE_NOT_FOUND", "gone")]);
        await right.deleteLTXFiles(refs, options);
      },
    }),
  },
  {
    defect: "deletes the first thousand",
    named: "delete.many",
    change: (right) => ({ deleteLTXFiles: (refs, options) => right.deleteLTXFiles(refs.slice(0, 1000), options) }),
  },
  {
    defect: "takes an empty list for all files",
    named: "delete.none",
    change: (right) => ({ deleteLTXFiles: (refs, options) => (refs.length === 0 ? right.deleteAll(options) : right.deleteLTXFiles(refs, options)) }),
  },
  {
    defect: "deletes by the first TXID, whatever the last one is",
    named: "delete.named",
    change: (right) => ({
      async deleteLTXFiles(refs, options) {
        await right.deleteLTXFiles(refs, options);
        for (const { level, minTXID } of refs) {
          for await (const file of right.ltxFiles(level, { seek: minTXID })) {
            if (file.minTXID !== minTXID) break;
            await right.deleteLTXFiles([file]);
          }
        }
      },
    }),
  },
  {
    defect: "does not delete at all",
    named: "delete.named",
    also: ["createOnly.absent", "delete.many", "delete.missing", "delete.perFileErrors", "list.hostileNames", "write.invisibleUntilComplete"],
    change: (right) => ({
      async deleteLTXFiles(_, options) {
        options?.signal?.throwIfAborted();
        right.storage.get("");
      },
    }),
  },
  {
    defect: "keeps the failures of single files to itself",
    named: "delete.perFileErrors",
    change: (right) => ({
      deleteLTXFiles: (refs, options) =>
        right.deleteLTXFiles(refs, options).catch((error: unknown) => {
          if (!(error instanceof AggregateError) || error.errors.length === refs.length) throw error;
        }),
    }),
  },
  {
    defect: "stops at the first file that cannot be deleted",
    named: "delete.perFileErrors",
    change: (right) => ({
      async deleteLTXFiles(refs, options) {
        options?.signal?.throwIfAborted();
        for (const ref of refs) await right.deleteLTXFiles([ref], options);
      },
    }),
  },
  {
    defect: "deletes all of level 0 only",
    named: "deleteAll.everything",
    change: (right) => ({
      async deleteAll(options) {
        options?.signal?.throwIfAborted();
        for await (const file of right.ltxFiles(0)) await right.deleteLTXFiles([file]);
      },
    }),
  },
  {
    defect: "deletes the first page of everything",
    named: "deleteAll.many",
    change: (right) => ({
      async deleteAll(options) {
        options?.signal?.throwIfAborted();
        for (const level of ALL_LEVELS) for (const key of right.storage.list(`${right.path}/ltx/${level}/0`, "", 1000)) right.storage.delete(key);
      },
    }),
  },
  {
    defect: "deletes everything below its path, another replica too",
    named: "place.nestedStay",
    change: (right) => ({
      async deleteAll(options) {
        options?.signal?.throwIfAborted();
        for (const key of right.storage.list(`${right.path}/`, "", Number.POSITIVE_INFINITY)) right.storage.delete(key);
      },
    }),
  },
  {
    defect: "deletes everything whose name begins alike: app takes app2 along",
    named: "place.deletesOnlyItself",
    also: ["place.nestedStay"],
    change: (right) => ({
      async deleteAll(options) {
        options?.signal?.throwIfAborted();
        for (const key of right.storage.list(right.path, "", Number.POSITIVE_INFINITY)) right.storage.delete(key);
      },
    }),
  },
  {
    defect: "fails when there is nothing to delete",
    named: "deleteAll.nothing",
    also: ["init.implicit"],
    change: (right) => ({
      async deleteAll(options) {
        options?.signal?.throwIfAborted();
        if (right.storage.list(`${right.path}/`, "", 1).length === 0) throw new LSError("LS_LTX_FILE_NOT_FOUND", "NoSuchPrefix");
        await right.deleteAll(options);
      },
    }),
  },
];
