import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";

/** One SQLite library that is mapped into this process. */
export interface SQLiteCopy {
  /** Path of the mapped binary, "node:sqlite", or what an unknown copy was recognised by. */
  readonly path: string;
}

/** The name of the copy inside Node. */
export const NODE_SQLITE = "node:sqlite";

/**
 * The SQLite copies in this process, each once however many names it has (the package store of pnpm hard-links binaries).
 *
 * Two copies know nothing of each other's locks: POSIX gives locks to processes, so closing a file in one drops the locks of the other.
 * Recognised: native add-ons that contain SQLite, under whatever name, and shared `sqlite3` libraries; node:sqlite, when this thread has loaded
 * it, or (on Linux) when it has a database in WAL mode open that another copy has open too.
 */
export function loadedSQLiteCopies(): SQLiteCopy[] {
  const copies: SQLiteCopy[] = [];
  const seen = new Set<string>();
  const maps = readMaps();
  for (const path of maps === undefined ? reportedObjects() : parseMaps(maps)) {
    const addon = path.endsWith(".node");
    if (!addon && !isSQLiteLibrary(path, process.platform)) continue;
    const identity = fileIdentity(path);
    if (seen.has(identity)) continue;
    seen.add(identity);
    if (!addon || containsSQLite(path, identity)) copies.push({ path });
  }
  if (nodeSQLiteLoaded()) copies.push({ path: NODE_SQLITE });
  // Node lists the modules of one thread only, and the copy inside it is no file.
  const shared = copies.length > 1 || maps === undefined ? undefined : doublyMappedShm(maps);
  if (shared !== undefined) copies.push({ path: `another copy (node:sqlite in another thread?), which has ${shared} open too` });
  return copies;
}

/** Whether a mapped shared library is SQLite itself. Its extensions (sqlite-vec, cr-sqlite, …) have other names. */
export function isSQLiteLibrary(path: string, platform: NodeJS.Platform): boolean {
  // macOS frameworks map the system's copy into many processes; no add-on that contains its own calls it.
  if (platform === "darwin" && path.startsWith("/usr/lib/")) return false;
  const name = path.split(/[\\/]/).at(-1) ?? "";
  return /^(lib|win)?sqlite3([.-][\w.-]*)?\.(so|dylib|dll)(\.[\d.]+)?$/i.test(name);
}

/** Texts that only the library itself has together: the file format's magic and the name of a pragma. */
const MARKS: readonly string[] = ["SQLite format 3", "wal_checkpoint"];
/** Larger add-ons are judged by their path. */
const MAX_ADDON_BYTES = 256 * 1024 * 1024;
/** Verdicts by identity: a mapped binary does not change. */
const verdicts = new Map<string, boolean>();

/** Whether a native add-on contains SQLite. Its name does not tell: better-sqlite3 13 maps `linux-x64.node`, bundlers rename files. */
function containsSQLite(path: string, identity: string): boolean {
  let verdict = verdicts.get(identity);
  if (verdict === undefined) {
    verdict = looksLikeSQLite(path);
    verdicts.set(identity, verdict);
  }
  return verdict;
}

function looksLikeSQLite(path: string): boolean {
  try {
    if (statSync(path).size <= MAX_ADDON_BYTES) return containsAll(path, MARKS);
  } catch {
    // Deleted since it was mapped, or inside an archive: only its name is left.
  }
  return /sqlite|libsql/i.test(path.slice(path.lastIndexOf("node_modules")));
}

/**
 * Bytes read at a time. Not the whole file: once a block of megabytes has been freed, glibc returns no smaller ones to the system any more, in any
 * of its arenas (M_TRIM_THRESHOLD follows the largest), and the process stays larger by some ten megabytes for good.
 */
const READ_BYTES = 64 * 1024;

/** Whether a file contains all of these texts. @throws the system's error */
export function containsAll(path: string, texts: readonly string[]): boolean {
  const overlap = Math.max(...texts.map((text) => text.length)) - 1;
  const buffer = Buffer.alloc(overlap + READ_BYTES);
  const missing = new Set(texts);
  const fd = openSync(path, "r");
  try {
    for (let kept = 0; missing.size > 0; ) {
      const read = readSync(fd, buffer, kept, READ_BYTES, null);
      if (read === 0) return false;
      const bytes = buffer.subarray(0, kept + read);
      for (const text of missing) if (bytes.includes(text, 0, "latin1")) missing.delete(text);
      // A text may begin in this piece and end in the next one.
      kept = Math.min(overlap, bytes.length);
      bytes.copyWithin(0, bytes.length - kept);
    }
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Tells when the set of copies changes, at the price of one look at the process's mappings (0.3 ms on Linux, 4 ms elsewhere). */
export class CopyWatch {
  #known = "";

  /** The copies, at the first call and whenever they are others than at the call before. */
  changed(): SQLiteCopy[] | undefined {
    const copies = loadedSQLiteCopies();
    const now = key(copies);
    if (now === this.#known) return undefined;
    this.#known = now;
    return copies;
  }
}

function key(copies: readonly SQLiteCopy[]): string {
  return copies
    .map((copy) => copy.path)
    .sort()
    .join("\n");
}

function nodeSQLiteLoaded(): boolean {
  // Undocumented but old (Node 8); absent in other runtimes.
  const list: unknown = Reflect.get(process, "moduleLoadList");
  return Array.isArray(list) && list.includes("Internal Binding sqlite");
}

function fileIdentity(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    // Deleted or replaced since it was mapped: its name is all there is.
    return path;
  }
}

/** The process's mappings, where the system gives them as a text: ten times cheaper than a report, and never waits for other threads. */
function readMaps(): string | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return readFileSync("/proc/self/maps", "latin1");
  } catch {
    return undefined;
  }
}

/** Of thousands of mappings only the few with this in their name are worth a closer look. */
const SHM = "-shm";

/**
 * A `-shm` file that is mapped more than once from its beginning, by a `/proc/<pid>/maps` text. One copy of SQLite maps it once, however many
 * connections and threads use it.
 */
export function doublyMappedShm(text: string): string | undefined {
  const seen = new Set<string>();
  for (let at = text.indexOf(SHM), end = 0; at >= 0; at = text.indexOf(SHM, end)) {
    const newline = text.indexOf("\n", at);
    end = newline < 0 ? text.length : newline;
    const line = text.slice(text.lastIndexOf("\n", at) + 1, end);
    const [, file, path] = /^\S+ \S+ 0+ (\S+ \d+) +(\/.*-shm)(?: \(deleted\))?$/.exec(line) ?? [];
    if (file === undefined || path === undefined) continue;
    if (seen.has(file)) return Buffer.from(path, "latin1").toString("utf8");
    seen.add(file);
  }
  return undefined;
}

/** Paths of the files in a `/proc/<pid>/maps` text, each once. */
export function parseMaps(text: string): string[] {
  // A file is mapped in many pieces: each name is decoded once.
  const names = new Set<string>();
  for (const line of text.split("\n")) {
    const at = line.indexOf("/");
    if (at >= 0) names.add(line.slice(at));
  }
  const paths = new Set<string>();
  for (const name of names) {
    // The kernel writes a newline inside a name as \012 and bytes above 0x7f as they are.
    const path = Buffer.from(name.replace(/ \(deleted\)$/, ""), "latin1")
      .toString("utf8")
      .replaceAll("\\012", "\n");
    paths.add(path);
  }
  return [...paths];
}

function reportedObjects(): string[] {
  const report = process.report;
  // Otherwise the report resolves the names of all open sockets. Typed late: @types/node of Node 20 does not know it.
  const before: unknown = Reflect.get(report, "excludeNetwork");
  Reflect.set(report, "excludeNetwork", true);
  try {
    const objects: unknown = Reflect.get(report.getReport(), "sharedObjects");
    return Array.isArray(objects) ? objects.filter((path): path is string => typeof path === "string") : [];
  } finally {
    Reflect.set(report, "excludeNetwork", before);
  }
}
