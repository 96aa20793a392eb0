import { sharedConfig } from "../vitest.shared.js";

/** Three files at a time: most of their time goes into waiting for other processes, and temporary directories keep them apart. */
export default { ...sharedConfig, test: { ...sharedConfig.test, maxWorkers: 3 } };
