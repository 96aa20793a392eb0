import { codecKind } from "@ls/ltx";
import { decode, encode, merge } from "../codec/operations.js";
import { serveRuns } from "../common/serve-runs.js";

const [command, output, ...inputs] = process.argv.slice(2);
const [input] = inputs;
if (output === undefined || input === undefined) throw new Error("usage: codec encode LTX DB | decode DB LTX | merge LTX INPUT…");
if (codecKind() !== "wasm") console.error("note: the codec runs in JavaScript, not in WebAssembly");
if (command === "encode") await serveRuns(() => encode(input, output));
else if (command === "decode") await serveRuns(() => decode(input, output));
else if (command === "merge") await serveRuns(() => merge(output, inputs));
else throw new Error(`unknown command ${String(command)}`);
