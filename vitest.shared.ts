import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";

/** Four files at a time, on two cores too: much of their time goes into waiting for other processes, servers and the clock. */
const MAX_WORKERS = Math.max(4, availableParallelism());

/**
 * What every package's vitest.config.ts starts from: workspace packages are
 * resolved to their TypeScript source, so unit tests need no build.
 */
export const sharedConfig: ViteUserConfig = defineConfig({
  resolve: { conditions: ["@ls/source"] },
  ssr: { resolve: { conditions: ["@ls/source"], externalConditions: ["@ls/source"] } },
  test: { environment: "node", include: ["src/**/*.test.ts", "test/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000, maxWorkers: MAX_WORKERS },
});
