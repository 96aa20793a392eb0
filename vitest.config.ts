import { readFileSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { sharedConfig } from "./vitest.shared.js";

/** Folders that have files which take long, by how long. */
const LONG = ["/interop/", "/packages/conformance/", "/packages/backend-s3/", "/packages/core/"];

/** Their files begin first, and among those the ones that ask for much time: so short ones are left for the end of a run, and none works alone. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => [...LONG, ""].findIndex((folder) => moduleId.includes(folder));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b) || longestTimeout(b) - longestTimeout(a));
  }
}

/** The longest time that a test of the file may take by its own word, in ms. */
function longestTimeout({ moduleId }: TestSpecification): number {
  const said = readFileSync(moduleId, "utf8").matchAll(/\btimeout: ([\d_]+)/g);
  return Math.max(0, ...Array.from(said, ([, ms = ""]) => Number(ms.replaceAll("_", ""))));
}

/** All packages in one run, so that what they share is transformed once. */
export default {
  ...sharedConfig,
  test: {
    ...sharedConfig.test,
    include: ["{packages,examples}/*/{src,test}/**/*.test.ts", "{testkit,interop,bench}/{src,test}/**/*.test.ts", "scripts/test/**/*.test.mjs"],
    sequence: { sequencer: LongFirst },
  },
};
