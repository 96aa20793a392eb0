import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readlinkSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { childEnvironment, run } from "./run.mjs";
import { ROOT, workspacePackages } from "./workspace.mjs";

/** The package manager, pinned; npm fetches it once and keeps it in its own cache. */
const PNPM = `pnpm@${/pnpm@([\d.]+)/.exec(readFileSync(join(ROOT, "package.json"), "utf8"))?.[1]}`;

/**
 * better-sqlite3 13 carries binaries for every platform and needs Node-API 10 (Node 22.14); below that it ends the process
 * with a segmentation fault, so Node 20 gets version 12, which is compiled where no prebuilt binary can be downloaded.
 */
const DRIVER_IS_PREBUILT = Number(process.versions.napi) >= 10;

const STAMP = join(ROOT, "node_modules", ".setup-stamp");

/** Ends the program with a message for people. */
export class SetupError extends Error {}

/** @throws {SetupError} on a Node that is too old. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(`Node ${process.versions.node} is too old: Node 20.19 or newer is needed (https://nodejs.org).`);
}

/**
 * Installs the dependencies of the whole workspace, or only what `filters` need; does nothing when that was done before.
 * @param {{ filters?: readonly string[] }} [options] pnpm filters; default: everything
 */
export async function ensureInstalled({ filters = [] } = {}) {
  const wanted = stampOf(filters);
  const present = readStamp();
  if (present === wanted || present === stampOf([])) return;
  if (!DRIVER_IS_PREBUILT) await sayWhatCompilingNeeds();
  console.log(`Installing dependencies with ${PNPM} (the network is needed once) …`);
  const scripts = DRIVER_IS_PREBUILT ? ["--ignore-scripts"] : [];
  const filter = filters.flatMap((one) => ["--filter", one]);
  const installed = await pnpm(["install", "--frozen-lockfile", "--reporter=append-only", ...scripts, ...filter]);
  if (installed.code !== 0) throw new SetupError(`pnpm install failed:\n${tail(installed.output)}\n${compilerAdvice(await missingCompilers())}`);
  pointDriverLinks();
  await ensureDriverLoads();
  writeFileSync(STAMP, wanted);
}

/**
 * Builds packages (with what they depend on) through turbo's cache.
 * @param {readonly string[]} filters turbo filters
 */
export async function build(filters) {
  return await pnpm(["exec", "turbo", "run", "build", "--output-logs=errors-only", "--concurrency=2", ...filters.map((one) => `--filter=${one}`)]);
}

/** @param {readonly string[]} args */
export function pnpm(args) {
  const npm = process.env.npm_execpath;
  // Without --prefer-offline npm asks the registry even about a version that it keeps, for 70 s where there is no network.
  const all = ["exec", "--yes", "--prefer-offline", `--package=${PNPM}`, "--", "pnpm", ...args];
  const env = { ...childEnvironment(), ...compilerSettings(), npm_config_update_notifier: "false" };
  if (npm?.endsWith("npm-cli.js")) return run(process.execPath, [npm, ...all], { cwd: ROOT, env });
  return run("npm", all, { cwd: ROOT, env });
}

/** Node's own headers, where they lie beside the executable, spare node-gyp a download. */
function compilerSettings() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const present = existsSync(join(prefix, "include", "node", "node.h"));
  return present && process.env.npm_config_nodedir === undefined ? { npm_config_nodedir: prefix } : {};
}

/** @param {readonly string[]} filters */
function stampOf(filters) {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"]) hash.update(readFileSync(join(ROOT, file)));
  return JSON.stringify({ lock: hash.digest("hex"), abi: process.versions.modules, filters });
}

function readStamp() {
  return existsSync(STAMP) ? readFileSync(STAMP, "utf8") : undefined;
}

/** Makes `import "better-sqlite3"` mean 13 where it runs and 12 elsewhere, in every package, the way an application would have it. */
function pointDriverLinks() {
  const source = DRIVER_IS_PREBUILT ? "node_modules/better-sqlite3-13" : undefined;
  for (const { folder } of workspacePackages()) {
    const link = join(folder, "node_modules", "better-sqlite3");
    if (!existsSync(link)) continue;
    const target = realpathSync(source === undefined ? versionTwelve() : join(ROOT, source));
    if (resolve(join(folder, "node_modules"), readlinkSync(link)) === target) continue;
    rmSync(link);
    symlinkSync(process.platform === "win32" ? target : relative(join(folder, "node_modules"), target), link, "junction");
  }
}

function versionTwelve() {
  const version = /better-sqlite3@(12\.[\d.]+)/.exec(readFileSync(join(ROOT, "pnpm-lock.yaml"), "utf8"))?.[1];
  return join(ROOT, `node_modules/.pnpm/better-sqlite3@${version}/node_modules/better-sqlite3`);
}

/** Proves that the driver opens a database; compiles version 12 again when it was built for another Node. */
async function ensureDriverLoads() {
  const folder = workspacePackages().find((one) => existsSync(join(one.folder, "node_modules", "better-sqlite3")))?.folder;
  if (folder === undefined) return;
  const probe = () => run(process.execPath, ["-e", 'new (require("better-sqlite3"))(":memory:").close()'], { cwd: folder });
  let result = await probe();
  if (result.code !== 0 && !DRIVER_IS_PREBUILT) {
    const rebuilt = await pnpm(["rebuild", "-r", "better-sqlite3"]);
    result = rebuilt.code === 0 ? await probe() : rebuilt;
  }
  if (result.code !== 0) throw new SetupError(`better-sqlite3 does not load:\n${tail(result.output)}\n${compilerAdvice(await missingCompilers())}`);
}

async function sayWhatCompilingNeeds() {
  const missing = await missingCompilers();
  if (missing.length > 0) console.log(compilerAdvice(missing));
}

async function missingCompilers() {
  if (DRIVER_IS_PREBUILT || process.platform === "win32") return [];
  const missing = [];
  for (const program of ["python3", "make", "g++"]) {
    if ((await run(program, ["--version"])).code !== 0) missing.push(program);
  }
  return missing;
}

/** @param {readonly string[]} missing */
function compilerAdvice(missing) {
  if (missing.length === 0) return "";
  return [
    `Missing on this machine: ${missing.join(", ")}.`,
    `On Node ${process.versions.node} better-sqlite3 12 is compiled when its prebuilt binary cannot be downloaded. Either`,
    "  - use Node 22.14 or newer, where nothing is compiled, or",
    "  - Debian, Ubuntu:  apt-get install -y python3 make g++",
    "  - Fedora:          dnf install -y python3 make gcc-c++",
    "  - macOS:           xcode-select --install",
  ].join("\n");
}

/** @param {string} output */
export function tail(output, lines = 40) {
  return output.trimEnd().split("\n").slice(-lines).join("\n");
}

/** Creates a scratch folder inside the repository that git ignores; emptied first. @param {string} name */
export function scratchFolder(name) {
  const folder = join(ROOT, ".cache", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}
