import { existsSync } from "node:fs";
import { tempDir } from "@ls/testkit";
import { expect, test } from "vitest";
import { runMeasured } from "../src/common/run-measured.js";

const DEADLINE_MS = 20_000;

test("counts the CPU time and memory of a command, children included", async () => {
  const spin = "for (let used = process.cpuUsage(); used.user + used.system < 400e3; used = process.cpuUsage()) for (let i = 0; i < 1e6; i++);";
  const program = `const kept = Buffer.alloc(150e6, 1); require("child_process").execFileSync(process.execPath, ["-e", ${JSON.stringify(spin)}]); kept.fill(2);`;
  const usage = await runMeasured(process.execPath, ["-e", program], { deadlineMs: DEADLINE_MS });
  expect(usage.cpuSeconds).toBeGreaterThanOrEqual(0.4);
  expect(usage.peakRssBytes).toBeGreaterThan(150e6);
});

test("stops what goes on by itself, and accepts its orderly end", async () => {
  using tmp = tempDir("bench");
  const flag = tmp.file("ready");
  const program = `process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000); require("fs").writeFileSync(${JSON.stringify(flag)}, "")`;
  await runMeasured(process.execPath, ["-e", program], { deadlineMs: DEADLINE_MS, stopWhen: () => existsSync(flag) });
});

test("rejects with the output of a command that fails", async () => {
  await expect(runMeasured("/bin/sh", ["-c", "echo no good; exit 3"], { deadlineMs: DEADLINE_MS })).rejects.toThrow(/ended with 3: no good/);
});

test("kills a command that does not end in time", async () => {
  await expect(runMeasured(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { deadlineMs: 300 })).rejects.toThrow("did not happen within 300 ms");
});
