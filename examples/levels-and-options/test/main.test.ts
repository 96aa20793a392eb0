import { fileURLToPath } from "node:url";
import { Program, rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("runs with every interval of the guide", async () => {
  using dir = tempDir("levels");
  const { code, output } = await Program.run(MAIN, { cwd: dir.path });
  expect(code, output).toBe(0);
  expect(output).toMatch(/remoteTXID: 1n/);
  expect(await rowsInReplica(`file://${dir.file("replica")}`, "SELECT item FROM orders")).toEqual([{ item: "book" }]);
});
