import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Files of a tree by relative path, with what tells whether they were changed. */
export type TreeState = ReadonlyMap<string, string>;

/** Reads a small tree. Never while this process holds SQLite locks in it: closing a descriptor would drop them. */
export function treeState(directory: string): TreeState {
  const state = new Map<string, string>();
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const path = join(directory, name);
    const stat = lstatSync(path);
    if (stat.isFile()) state.set(name, `${stat.mode.toString(8)} ${stat.mtimeMs} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`);
  }
  return state;
}

/** Files that existed before and are gone or different now. New files do not count. */
export function touchedFiles(before: TreeState, directory: string): string[] {
  const now = treeState(directory);
  return [...before].filter(([name, state]) => now.get(name) !== state).map(([name]) => name);
}
