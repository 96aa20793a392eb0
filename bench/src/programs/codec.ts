import { codecKind } from "@ls/ltx";
import { decode, encode, merge } from "../codec/operations.js";
import { serveRuns } from "../common/serve-runs.js";

const [command, first, second, ...rest] = process.argv.slice(2);
if (first === undefined || second === undefined) throw new Error("usage: codec encode DB LTX | decode LTX DB | merge LTX INPUT…");
if (codecKind() !== "wasm") console.error("note: the codec runs in JavaScript, not in WebAssembly");
if (command === "encode") await serveRuns(() => encode(first, second));
else if (command === "decode") await serveRuns(() => decode(first, second));
else if (command === "merge") await serveRuns(() => merge(first, [second, ...rest]));
else throw new Error(`unknown command ${String(command)}`);
