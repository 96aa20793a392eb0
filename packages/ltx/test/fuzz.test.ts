import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fuzz } from "./fuzz.js";

/** `pnpm fuzz` sets these; `npm test` runs a tenth with a fixed seed. */
const { LTX_FUZZ_INPUTS } = process.env;
const inputs = Number(LTX_FUZZ_INPUTS ?? 100_000);
const record = LTX_FUZZ_INPUTS !== undefined;
const seed = record ? Date.now() | 0 : 20_260_101;

test(`${inputs} mutated files give an LTXError or the same pages`, { timeout: 3_600_000 }, async () => {
  const golden = new URL("golden/", import.meta.url);
  const small = readdirSync(golden).filter((name) =>
    /^(legacy-frames-512|L0-0000000000000003|checksummed-plain-1|L9-0000000000000001-0000000000000003)/.test(name),
  );
  expect(small.length).toBeGreaterThan(0);
  const result = await fuzz(
    inputs,
    seed,
    small.filter((name) => name.endsWith(".ltx")).map((name) => new Uint8Array(readFileSync(new URL(name, golden)))),
  );
  expect(Object.values(result.outcomes).reduce((sum, n) => sum + n, 0)).toBe(inputs);
  for (const outcome of ["LTX_CORRUPTED", "LTX_TRUNCATED", "LTX_CHECKSUM_MISMATCH", "LTX_UNSUPPORTED", "same pages"]) {
    expect(result.outcomes[outcome], outcome).toBeGreaterThan(0);
  }
  if (!record) return;
  const date = new Date().toISOString();
  const results = new URL("../results/", import.meta.url);
  mkdirSync(results, { recursive: true });
  writeFileSync(new URL(`fuzz-${date.slice(0, 10)}.json`, results), `${JSON.stringify({ date, node: process.version, ...result }, undefined, 2)}\n`);
});
