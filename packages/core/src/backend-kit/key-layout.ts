import { formatLTXFilename, parseLTXFilename, type TXID } from "@ls/ltx";
import { ALL_LEVELS } from "../levels.js";
import type { LTXFileRef } from "../replica-client.js";

/**
 * Where an object store keeps the files of a replica. Upstream has two layouts; a tree copied from one kind of service to the other is not found.
 */
export interface KeyLayout {
  /** What every key of the replica starts with. */
  readonly root: string;
  /** What every key of one level starts with. @throws RangeError for a level that does not exist. */
  levelPrefix(level: number): string;
  /** @throws RangeError for a level or range of TXIDs that cannot be. */
  key(ref: LTXFileRef): string;
  /** What a listed key of that level names; undefined when it is no LTX file. */
  parse(level: number, key: string): { readonly minTXID: TXID; readonly maxTXID: TXID } | undefined;
  /** Whether a listed key lies in that level, an LTX file or not: in it, and not in something below it, such as another replica's `app/0001/…`. */
  holds(level: number, key: string): boolean;
  /** Sorts after every file of the level that starts below `seek`, and before all others: what a listing starts after. */
  seekKey(level: number, seek: TXID): string;
}

/**
 * S3 and OSS: `<prefix>/<level as four hex digits>/<file>`, joined as text. So an empty prefix gives keys with a leading slash, as upstream's do.
 */
export function hexLayout(prefix: string): KeyLayout {
  return layout(`${prefix}/`, (level) => `${prefix}/${level.toString(16).padStart(4, "0")}/`);
}

/** Google Cloud Storage, Azure and others: `<prefix>/ltx/<level>/<file>`, joined as a path, so that an empty prefix or `.` gives `ltx/…`. */
export function decimalLayout(prefix: string): KeyLayout {
  const root = prefix === "" || prefix === "." ? "" : `${prefix}/`;
  return layout(root, (level) => `${root}ltx/${level}/`);
}

/** The name of an LTX file. @throws RangeError for TXIDs that are no range. */
export function ltxFileName({ minTXID, maxTXID }: LTXFileRef): string {
  if (minTXID < 1n || minTXID > maxTXID) throw new RangeError(`TXIDs ${minTXID}-${maxTXID} are no range`);
  return formatLTXFilename(minTXID, maxTXID);
}

/** @throws RangeError for a level that does not exist. */
export function checkLevel(level: number): number {
  if (!ALL_LEVELS.includes(level)) throw new RangeError(`level ${String(level)} is not one of 0 to 9`);
  return level;
}

function layout(root: string, prefixOf: (level: number) => string): KeyLayout {
  const levelPrefix = (level: number): string => prefixOf(checkLevel(level));
  return {
    root,
    levelPrefix,
    key: (ref) => levelPrefix(ref.level) + ltxFileName(ref),
    parse(level, key) {
      const prefix = levelPrefix(level);
      return key.startsWith(prefix) ? parseLTXFilename(key.slice(prefix.length)) : undefined;
    },
    holds(level, key) {
      const prefix = levelPrefix(level);
      return key.startsWith(prefix) && !key.includes("/", prefix.length);
    },
    seekKey: (level, seek) => levelPrefix(level) + seek.toString(16).padStart(16, "0"),
  };
}
