import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeBlocks, documentation } from "../lib/markdown.mjs";
import { checkBlocks } from "./blocks.mjs";
import { checkBundles } from "./bundles.mjs";
import { checkPlainConsumer } from "./consumer-types.mjs";
import { single, sum } from "./gate.mjs";
import { checkInstallLines, install } from "./install.mjs";
import { packAll } from "./tarballs.mjs";

/**
 * What a user gets: the install lines of the READMEs with the packed tarballs, in a folder outside the workspace; there every
 * TypeScript block of the documentation is type-checked, those tagged `run` are run, and bundles for readers are made.
 * better-sqlite3 comes from the workspace's own copy, built as it is; other packages from the registry.
 */
export async function checkConsumer() {
  const { tarballs, failures } = await packAll();
  if (failures.length > 0) return { passed: 0, failures: ["nothing to install: packing failed"] };
  const folder = mkdtempSync(join(tmpdir(), "consumer-"));
  try {
    const blocks = documentation().flatMap(codeBlocks);
    const installs = await checkInstallLines(folder, blocks, tarballs);
    const app = join(folder, "app");
    const prepared = await install(app, [...tarballs.map((one) => one.name), "better-sqlite3"], tarballs);
    if (prepared.code !== 0) return sum([installs, single(false, `npm install of all tarballs failed\n${prepared.output}`)]);
    return sum([installs, await checkBlocks(app, blocks), await checkPlainConsumer(app), ...(await checkBundles(app))]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
