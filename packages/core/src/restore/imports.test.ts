import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const HERE = dirname(fileURLToPath(import.meta.url));
const SRC = dirname(HERE);

/** Everything that is loaded with a module: its static imports, types left out, and theirs. */
function loadedWith(entry: string, seen: Set<string> = new Set()): Set<string> {
  const name = relative(SRC, entry);
  if (seen.has(name)) return seen;
  seen.add(name);
  const source = readFileSync(entry, "utf8");
  for (const [, clause, from] of source.matchAll(/^(?:import|export)\s+([^;]*?)\s*from\s+"([^"]+)";/gm)) {
    if (from === undefined || clause?.startsWith("type ") === true) continue;
    if (from.startsWith(".")) loadedWith(join(dirname(entry), from.replace(/\.js$/, ".ts")), seen);
    else seen.add(from);
  }
  return seen;
}

test("[P7] the restore entry loads no engine, no driver package and no node: module", () => {
  const loaded = [...loadedWith(join(HERE, "index.ts"))];
  expect(loaded).toContain("restore/restore-to.ts");
  const packages = loaded.filter((name) => !name.endsWith(".ts"));
  expect(packages).toEqual(["@ls/ltx"]);
  const rooms = new Set(loaded.filter((name) => name.endsWith(".ts")).map((name) => name.split("/")[0] ?? ""));
  for (const room of ["db", "wal", "worker", "replica", "compaction", "store"]) expect(rooms).not.toContain(room);
});

test("the file system is loaded by the restore into a file only, and only when it runs", () => {
  expect([...loadedWith(join(HERE, "file-output.ts"))]).toContain("node:fs/promises");
  expect(readFileSync(join(HERE, "restore.ts"), "utf8")).toContain('await import("./file-output.js")');
});
