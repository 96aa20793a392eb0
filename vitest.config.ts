import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { MAX_WORKERS } from "./vitest.shared.js";

/** Packages that have files which take long, by how long. */
const LONG = ["interop", "conformance", "backend-s3", "core"];

/** Their files begin first, and among those the ones that ask for much time: so short ones are left for the end of a run, and none works alone. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project }: TestSpecification) => [...LONG, ""].findIndex((name) => project.name.endsWith(name));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b) || longestTimeout(b) - longestTimeout(a));
  }
}

/** The longest time that a test of the file may take by its own word, in ms. */
function longestTimeout({ moduleId }: TestSpecification): number {
  const said = readFileSync(moduleId, "utf8").matchAll(/\btimeout: ([\d_]+)/g);
  return Math.max(0, ...Array.from(said, ([, ms = ""]) => Number(ms.replaceAll("_", ""))));
}

/** All packages in one run, each with its own settings. */
export default defineConfig({
  test: {
    projects: ["packages/*", "testkit", "examples/*", "interop", "bench", "scripts"],
    maxWorkers: MAX_WORKERS,
    sequence: { sequencer: LongFirst },
  },
});
