import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../lib/workspace.mjs";
import { CATALOGUE, ELSEWHERE, LEFT_OUT } from "../proof/catalogue.mjs";
import { isDocumented } from "../proof/document.mjs";
import { digestOf } from "../proof/mutation.mjs";
import { MUTATIONS } from "../proof/mutations.mjs";
import { readProofs } from "../proof/records.mjs";
import { testsByEntry } from "../proof/titles.mjs";
import { single, sum } from "./gate.mjs";

/**
 * Every entry of the regression catalogue is in the title of a test that was shown to fail, or is left out for a stated reason; and what docs/proof.md
 * says is still so.
 */
export async function checkProof() {
  const tests = testsByEntry();
  const proofs = new Map(readProofs().map((proof) => [proof.digest, proof]));
  const proven = new Set(MUTATIONS.filter((one) => proofs.has(digestOf(one))).flatMap((one) => one.ids));
  return sum([
    ...Object.keys(CATALOGUE).map((id) => {
      const reasons = [LEFT_OUT[id] !== undefined, ELSEWHERE[id] !== undefined, proven.has(id)];
      return single(reasons.filter((holds) => holds).length === 1, `${id} must be one of these: proven by a mutation, or left out with a reason`);
    }),
    ...[...tests.keys()].map((id) => single(CATALOGUE[id] !== undefined, `a test names ${id}, which is not in the catalogue`)),
    ...MUTATIONS.map((one) => checkMutation(one, tests, proofs)),
    single(isDocumented(), "docs/proof.md is not what the catalogue says: pnpm mutations --document"),
  ]);
}

/**
 * @param {import("../proof/mutation.mjs").Mutation} one
 * @param {Map<string, Set<string>>} tests
 * @param {Map<string, import("../proof/prove.mjs").Proof>} proofs
 */
function checkMutation(one, tests, proofs) {
  const name = one.ids.join(", ");
  const path = join(ROOT, one.file);
  const times = existsSync(path) ? readFileSync(path, "utf8").split(one.find).length - 1 : 0;
  if (times !== 1) return single(false, `the mutation of ${name}: its text is ${times} times in ${one.file}:\n${one.find}`);
  const unnamed = one.ids.filter((id) => tests.get(id)?.has(one.test) !== true);
  if (unnamed.length > 0) return single(false, `the mutation of ${name}: no title in ${one.test} begins with [${unnamed}]`);
  return single(proofs.has(digestOf(one)), `the mutation of ${name} is not in the newest results: pnpm mutations ${one.ids[0]}`);
}
