import { checkConsumer } from "./consumer.mjs";
import { checkExcerpts } from "./excerpts.mjs";
import { checkImports } from "./imports.mjs";
import { checkLinks } from "./links.mjs";
import { checkOptions } from "./options.mjs";
import { checkProof } from "./proof.mjs";
import { checkScope } from "./scope.mjs";
import { checkTarballs } from "./tarballs.mjs";
import { checkBuild, checkChangesets, checkKernel, checkLint, checkUnused } from "./tools.mjs";
import { checkTypes } from "./types.mjs";

/**
 * Every check that is not a test of a package, in the order in which `npm test` begins them, as many at a time as there are cores: of those
 * that need the build, the longest first.
 * @type {readonly import("./gate.mjs").Gate[]}
 */
export const GATES = [
  { name: "build", run: checkBuild },
  { name: "types", run: checkTypes },
  { name: "lint", run: checkLint },
  { name: "imports", run: checkImports },
  { name: "scope", run: checkScope },
  { name: "links", run: checkLinks },
  { name: "excerpts", run: checkExcerpts },
  { name: "options", run: checkOptions },
  { name: "proof", run: checkProof },
  { name: "consumer", run: checkConsumer, needsBuild: true },
  { name: "unused", run: checkUnused, needsBuild: true },
  { name: "kernel", run: checkKernel },
  { name: "changesets", run: checkChangesets },
  { name: "tarballs", run: checkTarballs, needsBuild: true },
];
