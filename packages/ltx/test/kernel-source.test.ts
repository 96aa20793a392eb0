import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("the committed kernel is what its source compiles to", async () => {
  const script = fileURLToPath(new URL("../scripts/gen-kernel.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--check"]);
  expect(stdout).toMatch(/as committed/);
});
