import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileSystemError, isLSError, type LTXFileInfo, systemErrorCode } from "@ls/core/backend-kit";
import { decodeLTXHeader, isLTXError, LTX_HEADER_SIZE, parseLTXFilename } from "@ls/ltx";
import { levelDirectory, levelsDirectory } from "./layout.js";

/** Files looked at together while listing: enough for libuv's threads, few enough to stop early cheaply. */
const STAT_BATCH = 64;

export interface Listing {
  readonly levels: PresentLevels;
  readonly root: string;
  readonly level: number;
  readonly seek: bigint;
  /** Take the times from the LTX headers: a copy of a replica may have lost the mtimes. */
  readonly fromHeaders: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The files of one level in order. What vanishes while listing is left out; a directory with an LTX name is no file. */
export async function* listLevel(listing: Listing): AsyncGenerator<LTXFileInfo, void, undefined> {
  const directory = levelDirectory(listing.root, listing.level);
  if (!(await listing.levels.has(listing.level))) return;
  const files = (await namesIn(directory)).flatMap((name) => {
    const range = parseLTXFilename(name);
    return range === undefined || range.minTXID < listing.seek ? [] : [{ ...range, path: join(directory, name) }];
  });
  // Fixed-width hex: sorting by name sorts by (minTXID, maxTXID).
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  for (let at = 0; at < files.length; at += STAT_BATCH) {
    listing.signal?.throwIfAborted();
    const batch = files.slice(at, at + STAT_BATCH);
    const infos = await Promise.all(
      batch.map(async ({ path, minTXID, maxTXID }) => {
        const found = await lookAt(path, listing.fromHeaders);
        return found === undefined ? undefined : { level: listing.level, minTXID, maxTXID, ...found };
      }),
    );
    for (const info of infos) {
      listing.signal?.throwIfAborted();
      if (info !== undefined) yield info;
    }
  }
}

/** Which levels have a directory. Most replicas have three of the ten, and all ten are asked for at once. */
export class PresentLevels {
  readonly #root: string;
  /** `undefined` inside = any may be there: the directory above them may be searched, but not read. */
  #next: Promise<ReadonlySet<string> | undefined> | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Looks after it was asked, once for all who ask at the same time. @throws LSError */
  async has(level: number): Promise<boolean> {
    this.#next ??= this.#look();
    return (await this.#next)?.has(String(level)) ?? true;
  }

  async #look(): Promise<ReadonlySet<string> | undefined> {
    // Order matters: who asks from the moment of the look on gets a look of his own, since it may not show what was there when he asked.
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#next = undefined;
    try {
      return new Set(await namesIn(levelsDirectory(this.#root)));
    } catch (error) {
      if (isLSError(error, "LS_STORAGE_DENIED")) return undefined;
      throw error;
    }
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw fileSystemError(error, "list", directory);
  }
}

async function lookAt(path: string, fromHeader: boolean): Promise<{ size: number; createdAt: Date } | undefined> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return undefined;
    const timestampMs = fromHeader ? await headerTime(path) : undefined;
    return { size: stats.size, createdAt: new Date(timestampMs ?? Math.round(stats.mtimeMs)) };
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw fileSystemError(error, "look at", path);
  }
}

/** The header's time; undefined when the file is too damaged to have one. */
async function headerTime(path: string): Promise<number | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const { buffer, bytesRead } = await handle.read(new Uint8Array(LTX_HEADER_SIZE), 0, LTX_HEADER_SIZE, 0);
    return decodeLTXHeader(buffer.subarray(0, bytesRead)).timestampMs;
  } catch (error) {
    if (isLTXError(error)) return undefined;
    throw error;
  } finally {
    await handle?.close();
  }
}
