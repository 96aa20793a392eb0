import { sharedConfig } from "../vitest.shared.js";

/** Long campaigns, run by command; each writes its part of results/<date>.json. */
export default {
  ...sharedConfig,
  test: { ...sharedConfig.test, include: ["campaign/**/*.test.ts"], testTimeout: 3 * 3600 * 1000, fileParallelism: false },
};
