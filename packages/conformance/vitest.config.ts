import { sharedConfig } from "../../vitest.shared.js";

/** Two files at a time, on two cores too: clients that hang are waited for. */
export default { ...sharedConfig, test: { ...sharedConfig.test, maxWorkers: 2 } };
