import picomatch from "picomatch";

/** Whether a name in a directory is one that SQLite, this package or Litestream makes beside a database. */
export function isCompanion(name: string): boolean {
  return /-(wal|shm|journal)$/.test(name) || isMetaDirectory(name) || TEMPORARY.test(name);
}

/** `.<database>-litestream`: staged files and whatever else replication keeps. Nothing in it is a database of the application's. */
export function isMetaDirectory(name: string): boolean {
  return name.startsWith(".") && name.endsWith("-litestream");
}

/** A file that becomes a database when it is complete: of a restore here, and of one by Litestream. */
const TEMPORARY = /\.tmp$/;

/**
 * Whether a path below the root is meant. A pattern without a slash is about the name alone, at any depth; one with a slash about the whole path
 * from the root on, with forward slashes on every system. Names that start with a dot are like others, as in Litestream.
 */
export function matcherOf(patterns: readonly string[]): (relativePath: string) => boolean {
  const matchers = patterns.map((pattern) => picomatch(pattern, { basename: !pattern.includes("/"), dot: true }));
  return (relativePath) => {
    const path = relativePath.replaceAll("\\", "/");
    return matchers.some((matches) => matches(process.platform === "win32" ? path : relativePath));
  };
}
