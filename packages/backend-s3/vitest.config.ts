import { mergeConfig } from "vitest/config";
import { sharedConfig } from "../../vitest.shared.js";

// Most of the time is spent on waiting for servers.
export default mergeConfig(sharedConfig, { test: { maxWorkers: 4 } });
