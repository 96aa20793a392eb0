import type { ViteUserConfig } from "vitest/config";
import { sharedConfig } from "../../vitest.shared.js";

/** A million mutated inputs with a new seed; the result goes to results/. */
const fuzzConfig: ViteUserConfig = {
  ...sharedConfig,
  test: { ...sharedConfig.test, include: ["test/fuzz.test.ts"], env: { LTX_FUZZ_INPUTS: "1000000" } },
};

export default fuzzConfig;
