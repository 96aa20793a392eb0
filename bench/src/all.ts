import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { BENCH_ROOT } from "./common/report.js";

/** Every question, one after the other; takes `--quick` and `--no-record`. */
const failed = ["ltx", "replicate", "app", "latency", "many", "keep", "delay", "far", "transaction", "restart"].filter((name) => {
  console.log(`\n# ${name}`);
  return spawnSync(process.execPath, [join(BENCH_ROOT, "dist", `${name}.js`), ...process.argv.slice(2)], { stdio: "inherit" }).status !== 0;
});
if (failed.length > 0) throw new Error(`failed: ${failed.join(", ")}`);
