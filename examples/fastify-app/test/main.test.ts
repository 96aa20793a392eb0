import { fileURLToPath } from "node:url";
import { NotesService, rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("an answered note is in the replica, and the service ends in order", async () => {
  using dir = tempDir("http");
  const replicaURL = `file://${dir.file("replica")}`;
  await using service = await NotesService.start(MAIN, { cwd: dir.path, replicaURL });

  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => service.post({ body: `note ${i}` })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  // Before the service ends: nothing is flushed by an orderly end yet.
  expect(await rowsInReplica(replicaURL, "SELECT count(*) AS notes FROM note")).toEqual([{ notes: 20 }]);
  expect((await service.post({})).status).toBe(400);
  expect(await (await service.get("/notes")).json()).toHaveLength(20);
  const health = await service.get("/health");
  expect(health.status).toBe(200);
  expect(await health.json()).toMatchObject({ lagMs: 0 });

  const { code, output } = await service.stop();
  expect(code, output).toBe(0);
});
