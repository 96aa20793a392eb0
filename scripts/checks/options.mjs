import { isCommitted, optionsReference } from "../options/document.mjs";
import { single, sum } from "./gate.mjs";

/** Every option says what it means, its default and its range, and docs/options.md is what follows from that. */
export async function checkOptions() {
  const { text, faults } = optionsReference();
  return sum([
    ...faults.map((fault) => single(false, fault)),
    single(isCommitted(text), "docs/options.md is not what the types say: node scripts/options.mjs --write"),
  ]);
}
