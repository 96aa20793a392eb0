import { fileURLToPath } from "node:url";
import { Program, rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("the payment is durable when it says so", async () => {
  using dir = tempDir("sync");
  const { code, output } = await Program.run(MAIN, { cwd: dir.path });
  expect(code, output).toBe(0);
  expect(output).toBe("The payment is durable in transaction 1.\nLocal TXID: 1, remote TXID: 1, in sync: true\n");
  expect(await rowsInReplica(`file://${dir.file("replica")}`, "SELECT cents FROM payment")).toEqual([{ cents: 4200 }]);
});
