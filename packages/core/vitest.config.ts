import { sharedConfig } from "../../vitest.shared.js";

/** Two files at a time, on two cores too: much of their time goes into waiting for other processes and for the clock. */
export default { ...sharedConfig, test: { ...sharedConfig.test, maxWorkers: 2 } };
