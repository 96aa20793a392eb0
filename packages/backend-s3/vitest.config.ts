import { sharedConfig } from "../../vitest.shared.js";

/** Four files at a time, on two cores too: most of their time goes into waiting for servers. */
export default { ...sharedConfig, test: { ...sharedConfig.test, maxWorkers: 4 } };
