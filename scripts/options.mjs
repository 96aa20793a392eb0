// `node scripts/options.mjs [--write]`: the reference of all options from the docstrings of the exported types; printed, or written to docs/options.md.
import { optionsReference, writeReference } from "./options/document.mjs";

const { text, faults } = optionsReference();
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else if (process.argv.includes("--write")) writeReference(text);
else console.log(text);
