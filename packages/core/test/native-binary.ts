import { realpathSync } from "node:fs";
import { createRequire } from "node:module";

/** The native add-on that better-sqlite3 has loaded into this process, as Node's module cache has it. */
export function loadedBinary(): string {
  const { cache } = createRequire(import.meta.url);
  const path = Object.keys(cache).find((name) => name.endsWith(".node"));
  if (path === undefined) throw new Error("no database was opened yet");
  return realpathSync(path);
}
