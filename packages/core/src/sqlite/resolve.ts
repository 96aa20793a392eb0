import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { LSError } from "../errors.js";
import { type BetterSqlite3Constructor, betterSqlite3Driver, isBetterSqlite3, probeBetterSqlite3 } from "./better-sqlite3.js";
import { isNodeSQLite, type NodeSQLiteConstructor } from "./database-sync.js";
import type { DriverSpec, SQLiteDriver } from "./driver.js";
import { checkDriverOption } from "./driver-option.js";
import { loadedSQLiteCopies, NODE_SQLITE } from "./loaded-copies.js";
import { nodeSQLiteDriver, nodeSQLiteSupported } from "./node-sqlite.js";

const PACKAGE = "better-sqlite3";
/** better-sqlite3 13 is built for Node-API 10 and crashes the process, without an error, on Node < 22.14. */
const NEEDS_NAPI_10 = 13;

/** Where a driver package may be looked up, in order; each is a file or directory to resolve from. */
export type ResolveFrom = readonly string[];

/**
 * Finds the application's copy of SQLite, on the application's thread: `driver` when given; else node:sqlite when the application has loaded
 * that and nothing else (a better-sqlite3 that merely lies about would be the second copy); else the better-sqlite3 that core resolves, else
 * the one of the program that was started, else node:sqlite. Opens and closes one `:memory:` database, so that a native binary is mapped.
 * @throws {@link LSError} `LS_DRIVER_REQUIRED` when there is none that can run here; `LS_SECOND_SQLITE` when there are two, naming both;
 * `LS_INVALID_OPTION` when `driver` is something else.
 */
export function resolveDriver(driver: unknown, from: ResolveFrom = defaultResolveFrom()): SQLiteDriver {
  const given = checkDriverOption(driver);
  const loaded = onlyCopy();
  if (isNodeSQLite(given)) return onlyNodeSQLite(given, loaded);
  if (given === undefined && loaded === NODE_SQLITE) return nodeSQLiteDriver();
  const found = findModule(from);
  if (given !== undefined) return onlyBetterSqlite3(given, found, loaded);
  if (found !== undefined) return onlyBetterSqlite3(loadModule(found), found, loaded);
  if (nodeSQLiteSupported()) return onlyNodeSQLite(undefined, loaded);
  throw new LSError("LS_DRIVER_REQUIRED", 'no SQLite driver was found: install "better-sqlite3", or pass its constructor as the `driver` option');
}

/** How long what was found is taken for what there is, ms. A copy that is loaded meanwhile is found by the engine's next look, as one that is loaded later. */
const FRESH_MS = 100;

let lastFound: { readonly option: unknown; readonly driver: SQLiteDriver; readonly copy: string | undefined; readonly atMs: number } | undefined;

/** {@link resolveDriver} for many databases that are opened one after the other: looked for afresh only when another copy is mapped than the last time. */
export function resolveDriverSoon(option: unknown): SQLiteDriver {
  const atMs = performance.now();
  const last = lastFound?.option === option ? lastFound : undefined;
  if (last !== undefined && atMs - last.atMs < FRESH_MS) return last.driver;
  if (last?.copy !== undefined && last.copy === onlyCopy()) {
    lastFound = { ...last, atMs };
    return last.driver;
  }
  const driver = resolveDriver(option);
  lastFound = { option, driver, copy: onlyCopy(), atMs };
  return driver;
}

function onlyNodeSQLite(DatabaseSync: NodeSQLiteConstructor | undefined, loaded: string | undefined): SQLiteDriver {
  if (loaded !== undefined && loaded !== NODE_SQLITE) throw secondSQLite([loaded, NODE_SQLITE]);
  return nodeSQLiteDriver(DatabaseSync);
}

function onlyBetterSqlite3(Database: BetterSqlite3Constructor, found: string | undefined, loaded: string | undefined): SQLiteDriver {
  // Before the binary is mapped: it cannot be unmapped again.
  if (loaded === NODE_SQLITE) throw secondSQLite([loaded, found ?? PACKAGE]);
  // The application may load its binary by a path of its own; opening the package's default beside it would map a second copy.
  const sqliteVersion = probe(Database, addonOf(loaded));
  const nativeBinding = addonOf(onlyCopy());
  const modulePath = (nativeBinding === undefined ? undefined : moduleOfBinary(nativeBinding)) ?? found;
  const spec: DriverSpec | undefined = modulePath === undefined ? undefined : { name: PACKAGE, modulePath, nativeBinding };
  return betterSqlite3Driver(Database, { addon: loadAddon(nativeBinding), spec, sqliteVersion });
}

/** Drivers of this thread, by module and binary: neither changes once it is loaded. */
const opened = new Map<string, SQLiteDriver>();

/** Opens the same copy in another thread of the process, from what {@link resolveDriver} found. */
export function driverFromSpec(spec: DriverSpec): SQLiteDriver {
  if (spec.name === NODE_SQLITE) return nodeSQLiteDriver();
  const { modulePath, nativeBinding } = spec;
  const key = JSON.stringify([modulePath, nativeBinding]);
  let driver = opened.get(key);
  if (driver === undefined) {
    const Database = loadModule(modulePath);
    const sqliteVersion = probe(Database, nativeBinding);
    driver = betterSqlite3Driver(Database, { addon: loadAddon(nativeBinding), spec, sqliteVersion });
    opened.set(key, driver);
  }
  return driver;
}

/**
 * The path of the one SQLite copy in this process; `undefined` when there is none yet, or the system does not tell what is mapped.
 * @throws {@link LSError} `LS_SECOND_SQLITE` when there are several.
 */
function onlyCopy(): string | undefined {
  const copies = loadedSQLiteCopies().map((copy) => copy.path);
  if (copies.length > 1) throw secondSQLite(copies);
  return copies[0];
}

export function secondSQLite(paths: readonly string[]): LSError {
  return new LSError(
    "LS_SECOND_SQLITE",
    `this process has more than one copy of SQLite, and they drop each other's locks: ${paths.join(", ")}. Use one copy for everything that opens the database.`,
    { details: { paths } },
  );
}

/** The native add-on that is the copy; `undefined` for a copy of another kind, such as a system library behind the add-on. */
function addonOf(copy: string | undefined): string | undefined {
  return copy?.endsWith(".node") === true ? copy : undefined;
}

/** An add-on that this thread has loaded already, as the package got it. */
function loadAddon(nativeBinding: string | undefined): unknown {
  return nativeBinding === undefined ? undefined : createRequire(import.meta.url)(nativeBinding);
}

function probe(Database: BetterSqlite3Constructor, nativeBinding: string | undefined): string {
  try {
    return probeBetterSqlite3(Database, nativeBinding);
  } catch (error) {
    throw new LSError("LS_DRIVER_REQUIRED", `better-sqlite3 cannot open a database with ${nativeBinding ?? "its native binary"}`, { cause: error });
  }
}

function defaultResolveFrom(): ResolveFrom {
  const program = process.argv[1];
  return program === undefined ? [import.meta.url] : [import.meta.url, program];
}

function findModule(from: ResolveFrom): string | undefined {
  const paths = new Set<string>();
  for (const base of from) {
    try {
      paths.add(realpathSync(createRequire(base).resolve(PACKAGE)));
    } catch {
      // Not installed there (or `base` is no path, as with `node -e`): the next place decides.
    }
  }
  if (paths.size > 1) throw secondSQLite([...paths]);
  return paths.values().next().value;
}

function loadModule(modulePath: string): BetterSqlite3Constructor {
  const version = packageVersion(modulePath);
  if (version >= NEEDS_NAPI_10 && Number(process.versions.napi) < 10) {
    throw new LSError(
      "LS_DRIVER_REQUIRED",
      `better-sqlite3 ${version} needs Node 22.14 or newer (Node-API 10) and would crash this process (Node ${process.versions.node}); install better-sqlite3 12`,
      { details: { path: modulePath } },
    );
  }
  let module: unknown;
  try {
    module = createRequire(import.meta.url)(modulePath);
  } catch (error) {
    throw new LSError("LS_DRIVER_REQUIRED", `better-sqlite3 could not be loaded from ${modulePath}`, { cause: error, details: { path: modulePath } });
  }
  if (!isBetterSqlite3(module)) throw new LSError("LS_DRIVER_REQUIRED", `${modulePath} does not export better-sqlite3's constructor`);
  return module;
}

/** Main module of the better-sqlite3 package that a native binary belongs to. */
function moduleOfBinary(binary: string): string | undefined {
  const root = packageRoot(binary);
  if (root === undefined) return undefined;
  try {
    return createRequire(join(root, "package.json")).resolve(root);
  } catch {
    return undefined;
  }
}

function packageVersion(modulePath: string): number {
  const root = packageRoot(modulePath);
  if (root === undefined) return 0;
  return Number.parseInt(String(readManifest(root).version), 10) || 0;
}

/** The nearest directory above `path` that is the package better-sqlite3. */
function packageRoot(path: string): string | undefined {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if (existsSync(join(directory, "package.json")) && readManifest(directory).name === PACKAGE) return directory;
    if (dirname(directory) === directory) return undefined;
  }
}

function readManifest(directory: string): { readonly name?: unknown; readonly version?: unknown } {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    return typeof manifest === "object" && manifest !== null ? manifest : {};
  } catch {
    return {};
  }
}
