// A package of its own: these packages have a bin called `node`, which must not stand on the PATH of another package's scripts.
import { createRequire } from "node:module";
import { join } from "node:path";

/** Path of a Node 24 executable, or `undefined` where npm has none for this platform. */
export function node24() {
  const require = createRequire(import.meta.url);
  try {
    return join(require.resolve(`node-${process.platform}-${process.arch}/package.json`), "../bin/node");
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
