import { randomUUID } from "node:crypto";
import { sep } from "node:path";
import { ALL_LEVELS, type LTXFileRef } from "@ls/core/backend-kit";
import { formatLTXFilename } from "@ls/ltx";

/**
 * Upstream's layout of a file replica: `<root>/ltx/<decimal level>/<min>-<max>.ltx` (litestream ltx.go, LTXFilePath).
 * Temporary files end in `.tmp`, which no LTX file name does, so every reader skips them.
 */

const TEMP_NAME = /^[0-9a-f]{16}-[0-9a-f]{16}\.ltx\.[0-9a-f]{16}\.tmp$/;

/**
 * The directory above all levels. Nothing here joins paths: all parts are as they should be, and of thousands of small files, that is a good part
 * of the cost.
 * @param root absolute, as `resolve` gives it.
 */
export function levelsDirectory(root: string): string {
  return root.endsWith(sep) ? `${root}ltx` : `${root}${sep}ltx`;
}

/** @throws RangeError for a level that does not exist. */
export function levelDirectory(root: string, level: number): string {
  if (!ALL_LEVELS.includes(level)) throw new RangeError(`level ${String(level)} is not one of 0 to 9`);
  return levelsDirectory(root) + sep + String(level);
}

/** @throws RangeError for a level or TXID that does not exist. */
export function ltxFilePath(root: string, ref: LTXFileRef): string {
  return levelDirectory(root, ref.level) + sep + fileName(ref);
}

/** A name in the same directory that nothing else uses, not even another process writing the same file. */
export function tempPathFor(path: string): string {
  // Made from a stock of random bytes: asking for eight of them each time costs as much as opening the file.
  return `${path}.${randomUUID().replaceAll("-", "").slice(0, 16)}.tmp`;
}

/** Whether `name` is one that {@link tempPathFor} makes. Upstream's own temporary names have no random part. */
export function isTempName(name: string): boolean {
  return TEMP_NAME.test(name);
}

function fileName(ref: LTXFileRef): string {
  if (ref.minTXID < 1n || ref.minTXID > ref.maxTXID) throw new RangeError(`TXIDs ${ref.minTXID}-${ref.maxTXID} are no range`);
  return formatLTXFilename(ref.minTXID, ref.maxTXID);
}
