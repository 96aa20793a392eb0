// Started by source-child.ts, as a process and, by its scripts, as a thread: Node 20 cannot load TypeScript, so Vite compiles `src`.
import { once } from "node:events";
import { createRequire } from "node:module";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { createServer } from "vite";

const { modules, script, data } = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const server = await createServer({
  configFile: false,
  logLevel: "error",
  appType: "custom",
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, watch: null, ws: false, hmr: false },
  ssr: { resolve: { conditions: ["@ls/source"], externalConditions: ["@ls/source"] } },
});
const scope = {
  require: createRequire(import.meta.url),
  data,
  say: (value) => process.stdout.write(`${JSON.stringify(value)}\n`),
  heard: () => once(process.stdin, "data"),
  thread: async (code, value) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { modules, script: code, data: value }, trackUnmanagedFds: false });
    await once(worker, "exit");
  },
};
for (const [name, path] of Object.entries(modules)) scope[name] = await server.ssrLoadModule(path);
const AsyncFunction = (async () => {}).constructor;
await new AsyncFunction(...Object.keys(scope), script)(...Object.values(scope));
await server.close();
if (isMainThread) process.exit(0);
