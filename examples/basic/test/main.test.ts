import { fileURLToPath } from "node:url";
import { Program, rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("what was committed is in the replica when the program has ended, run after run", async () => {
  using dir = tempDir("basic");
  for (const visits of [1, 2]) {
    const { code, output } = await Program.run(MAIN, { cwd: dir.path });
    expect(output).toContain("Database ready for use.");
    expect(code).toBe(0);
    expect(await rowsInReplica(`file://${dir.file("replica")}`, "SELECT count(*) AS visits FROM visit")).toEqual([{ visits }]);
  }
});
