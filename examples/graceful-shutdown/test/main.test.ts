import { symlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Program, rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("SIGTERM: every tick is durable", async () => {
  using dir = tempDir("shutdown");
  await using program = Program.start(MAIN, { cwd: dir.path });
  await program.says(/Working/);
  program.signal("SIGTERM");
  const { code, output } = await program.ended();
  expect(code, output).toBe(0);
  const ticks = Number(/All (\d+) ticks are durable/.exec(output)?.[1]);
  expect(await rowsInReplica(`file://${dir.file("replica")}`, "SELECT count(*) AS ticks FROM tick")).toEqual([{ ticks }]);
});

test("a second signal ends the wait for a destination that fails, and what is not durable is named", async () => {
  using dir = tempDir("shutdown");
  // Nothing can be written there until somebody makes the link's target: a failure that is waited for.
  symlinkSync(dir.file("not-mounted"), dir.file("disk"));
  await using program = Program.start(MAIN, { cwd: dir.path, env: { ...process.env, REPLICA_URL: `file://${dir.file("disk/replica")}` } });
  await program.says(/Working/);
  program.signal("SIGTERM");
  await program.says(/Shutting down/);
  await sleep(500);
  expect(program.output).not.toContain("work.db");
  program.signal("SIGTERM");
  const { code, output } = await program.ended();
  expect(code, output).toBe(1);
  expect(output).toContain("work.db");
});
