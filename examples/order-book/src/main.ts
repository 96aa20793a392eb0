import { resolve } from "node:path";
import { isLSError } from "@ls/core";
import { parseArguments, USAGE } from "./arguments.js";
import { runDemo } from "./demo.js";
import { replicateUntilStopped } from "./replicate.js";

const command = parseArguments(process.argv.slice(2));
try {
  switch (command.kind) {
    case "help":
      console.log(USAGE);
      break;
    case "invalid":
      console.error(`${command.reason}\n\n${USAGE}`);
      process.exitCode = 2;
      break;
    case "demo":
      process.exitCode = (await runDemo({ seconds: command.seconds, writer: new URL("./writer.js", import.meta.url), screen: process.stdout })) ? 0 : 1;
      break;
    case "replicate":
      await replicateUntilStopped({ database: resolve(command.database), url: command.url, screen: process.stdout, stop: stopRequested() });
      break;
  }
} catch (error) {
  console.error(isLSError(error) ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
}

/** Aborts at the first Ctrl-C or SIGTERM; at the second the process ends at once. */
function stopRequested(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => (controller.signal.aborted ? process.exit(130) : controller.abort()));
  }
  return controller.signal;
}
