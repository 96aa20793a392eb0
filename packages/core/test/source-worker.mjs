// The worker's entry over the source: Node 20 cannot load TypeScript, so Vite compiles it. Messages wait until the entry listens.
import { createServer } from "vite";

const server = await createServer({
  configFile: false,
  logLevel: "error",
  appType: "custom",
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, watch: null, ws: false, hmr: false },
  ssr: { resolve: { conditions: ["@ls/source"], externalConditions: ["@ls/source"] } },
});
await server.ssrLoadModule(new URL("../src/worker/worker.ts", import.meta.url).pathname);
