import { type TempDir, tempDir } from "@ls/testkit";

/** The directory that a benchmark works in; also gone after Ctrl-C. The name is short, because upstream's socket lies below it. */
export function scratchDirectory(): TempDir {
  const directory = tempDir("b");
  process.once("exit", () => directory[Symbol.dispose]());
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  return directory;
}
