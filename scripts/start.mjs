// `npm start [-- <database> <replica URL>]`: sets everything up, then runs examples/order-book.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { build, checkNode, ensureInstalled, SetupError, tail } from "./lib/setup.mjs";
import { ROOT } from "./lib/workspace.mjs";

const EXAMPLE = "@ls/example-order-book";

try {
  checkNode();
  await ensureInstalled({ filters: ["ls-monorepo", `${EXAMPLE}...`] });
  const built = await build([EXAMPLE]);
  if (built.code !== 0) throw new SetupError(`The build failed:\n${tail(built.output)}`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exit(1);
}

// npm changes to the repository's root; a relative path on the command line means the folder the user stood in.
const cwd = process.env.INIT_CWD ?? process.cwd();
const child = spawn(process.execPath, [join(ROOT, "examples/order-book/dist/main.js"), ...process.argv.slice(2)], { cwd, stdio: "inherit" });
// The terminal sends Ctrl-C to the whole group; a signal for this process alone is passed on. Either way the example decides when to end.
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => void (signal === "SIGTERM" && child.kill(signal)));
child.on("close", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
