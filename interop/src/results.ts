import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runUpstream } from "@ls/testkit";

const RESULTS = join(fileURLToPath(import.meta.url), "..", "..", "results");

/** Puts one campaign's result into results/<date>.json, beside those of the same day, and returns the file's path. */
export async function writeResult(section: string, upstream: string | undefined, result: object): Promise<string> {
  mkdirSync(RESULTS, { recursive: true });
  const path = join(RESULTS, `${new Date().toISOString().slice(0, 10)}.json`);
  // `as`: written by this function only.
  const all = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>) : {};
  const machine = {
    cpus: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    upstream: upstream === undefined ? "absent" : (await runUpstream(upstream, ["version"])).stdout.trim(),
  };
  all[section] = { at: new Date().toISOString(), machine, ...result };
  writeFileSync(path, `${JSON.stringify(all, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value), 2)}\n`);
  return path;
}
