// `pnpm mutations [-- <entry> …]`: breaks the guarding line of each entry of the regression catalogue and shows that a test named by it fails.
// Writes interop/results/<date>-mutations.json and the tables of docs/proof.md; `--document` writes the tables only, `--missing` runs what has no
// record yet.
import { copyRepository } from "./proof/copy.mjs";
import { document } from "./proof/document.mjs";
import { digestOf } from "./proof/mutation.mjs";
import { MUTATIONS } from "./proof/mutations.mjs";
import { prove } from "./proof/prove.mjs";
import { readProofs, writeProofs } from "./proof/records.mjs";

const wanted = process.argv.slice(2).filter((one) => !one.startsWith("-"));
const records = new Map(readProofs().map((proof) => [proof.digest, proof]));
if (!process.argv.includes("--document")) process.exitCode = await run();
document();

async function run() {
  const chosen = MUTATIONS.filter((one) => {
    if (process.argv.includes("--missing") && records.has(digestOf(one))) return false;
    return wanted.length === 0 || one.ids.some((id) => wanted.includes(id) || wanted.includes(id.slice(0, 1)));
  });
  const copy = copyRepository();
  /** @type {string[]} */
  const notRed = [];
  try {
    const sound = new Map();
    for (const one of chosen) {
      const proof = await prove(copy.root, one, sound);
      console.log(`${proof.outcome.padEnd(8)} ${one.ids.join(", ").padEnd(12)} ${String(proof.seconds).padStart(6)} s  ${one.file}  ${proof.failed}`);
      if (proof.outcome === "red" || proof.outcome === "hang") records.set(proof.digest, proof);
      else notRed.push(`${one.ids.join(", ")} (${proof.outcome})`);
      writeProofs(MUTATIONS.map((each) => records.get(digestOf(each))).filter((each) => each !== undefined));
    }
  } finally {
    copy.remove();
  }
  console.log(`${chosen.length - notRed.length} of ${chosen.length} noticed${notRed.length === 0 ? "" : `; not: ${notRed.join(", ")}`}`);
  return notRed.length === 0 ? 0 : 1;
}
