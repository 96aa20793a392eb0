import { fileURLToPath } from "node:url";
import { Program, rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("what Drizzle committed is in the replica", async () => {
  using dir = tempDir("drizzle");
  for (const [ada, grace] of [
    [7_500, 2_500],
    [5_000, 5_000],
  ]) {
    const { code, output } = await Program.run(MAIN, { cwd: dir.path });
    expect(code, output).toBe(0);
    expect(await rowsInReplica(`file://${dir.file("replica")}`, "SELECT owner, cents FROM account ORDER BY id")).toEqual([
      { owner: "Ada", cents: ada },
      { owner: "Grace", cents: grace },
    ]);
  }
});
