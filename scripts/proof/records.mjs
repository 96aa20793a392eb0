import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { ROOT } from "../lib/workspace.mjs";

const FOLDER = join(ROOT, "interop/results");
const NAME = /^\d{4}-\d\d-\d\d-mutations\.json$/;

/**
 * The newest results that are kept in the repository.
 * @returns {readonly import("./prove.mjs").Proof[]}
 */
export function readProofs() {
  const newest = readdirSync(FOLDER)
    .filter((name) => NAME.test(name))
    .sort()
    .at(-1);
  return newest === undefined ? [] : JSON.parse(readFileSync(join(FOLDER, newest), "utf8")).proofs;
}

/** @param {readonly import("./prove.mjs").Proof[]} proofs */
export function writeProofs(proofs) {
  const at = new Date().toISOString();
  const machine = { cpus: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`, platform: `${process.platform} ${process.arch}`, node: process.version };
  const lines = proofs.map((proof) => `    ${JSON.stringify(proof)}`).join(",\n");
  writeFileSync(
    join(FOLDER, `${at.slice(0, 10)}-mutations.json`),
    `{\n  "at": "${at}",\n  "machine": ${JSON.stringify(machine)},\n  "proofs": [\n${lines}\n  ]\n}\n`,
  );
}
