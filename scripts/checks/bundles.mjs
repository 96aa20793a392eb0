import { build } from "esbuild";
import { SCOPE } from "../lib/scope.mjs";
import { single } from "./gate.mjs";

/** What must not reach a reader's bundle, each as it survives minification of names. */
const ENGINE_MARKS = ["wal_checkpoint", "better-sqlite3", "BEGIN IMMEDIATE", "worker_threads", "journal_mode"];

/**
 * What bundlers make of our entries for readers holds no engine, and nothing of Node where a worker loads it.
 * @param {string} app
 */
export async function checkBundles(app) {
  const withTarget = await bundle(app, `export { restore } from "${SCOPE}/core/restore"; import "${SCOPE}/backend-file";`, "node");
  const pure = await bundle(app, `export { restoreTo } from "${SCOPE}/core/restore";`, "neutral");
  const codec = await bundle(app, `export * from "${SCOPE}/ltx";`, "neutral");
  const metrics = await bundle(app, `export { renderPrometheus } from "${SCOPE}/core/metrics";`, "neutral");
  const engine = await bundle(app, `export { DB } from "${SCOPE}/core";`, "node");
  const absent = ENGINE_MARKS.filter((one) => !engine.toString().includes(one));
  return [
    single(absent.length === 0, `the engine itself no longer contains ${absent.join(", ")}: the marks of this check are out of date`),
    // restore() may load a driver that the caller has for its integrity check, so of the marks only the engine's count.
    without(
      "restore() and the file backend",
      withTarget,
      ENGINE_MARKS.filter((one) => one !== "better-sqlite3" && one !== "journal_mode"),
    ),
    without("restoreTo()", pure, [...ENGINE_MARKS, '"node:', "Buffer."]),
    without("renderPrometheus()", metrics, [...ENGINE_MARKS, '"node:', "Buffer."]),
    without(`${SCOPE}/ltx`, codec, [...ENGINE_MARKS, '"node:', "Buffer."]),
  ];
}

/**
 * @param {string} app
 * @param {string} contents
 * @param {"node" | "neutral"} platform
 */
async function bundle(app, contents, platform) {
  try {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: app, sourcefile: "probe.js" },
      bundle: true,
      write: false,
      format: "esm",
      platform,
      target: "es2022",
      external: ["node:*"],
      logLevel: "silent",
    });
    return outputFiles.map((one) => one.text).join("\n");
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * @param {string} what
 * @param {string | Error} text
 * @param {readonly string[]} marks
 */
function without(what, text, marks) {
  if (text instanceof Error) return single(false, `bundle of ${what}: ${text.message}`);
  const found = marks.filter((one) => text.includes(one));
  return single(found.length === 0, `bundle of ${what} contains ${found.join(", ")}`);
}
