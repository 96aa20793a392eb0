import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

let cached: string | undefined;

/**
 * About a megabyte of English prose with code samples: the documentation comments of Node's type declarations, whose
 * version the lock file pins, so that every machine gets the same text.
 */
export function proseCorpus(): string {
  cached ??= readProse(dirname(createRequire(import.meta.url).resolve("@types/node/package.json")));
  return cached;
}

function readProse(directory: string): string {
  const files = readdirSync(directory)
    .filter((name) => name.endsWith(".d.ts"))
    .sort();
  const lines: string[] = [];
  for (const file of files) {
    for (const line of readFileSync(join(directory, file), "utf8").split("\n")) {
      const comment = /^\s*\* (.+)$/.exec(line)?.[1];
      if (comment !== undefined) lines.push(comment);
    }
  }
  return lines.join("\n");
}
