import { fileURLToPath } from "node:url";
import { Program, rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("an answered note is in the replica, and the service ends in order", async () => {
  using dir = tempDir("http");
  const url = `file://${dir.file("replica")}`;
  await using program = Program.start(MAIN, { cwd: dir.path, env: { ...process.env, PORT: "0", REPLICA_URL: url } });
  const [, port] = await program.says(/Listening on \D*?(?:\d+\.\d+\.\d+\.\d+:|\[::1\]:)?(\d+)\n/);
  const base = `http://localhost:${port}`;
  const post = (note: object): Promise<Response> =>
    fetch(`${base}/notes`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(note) });

  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => post({ body: `note ${i}` })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  // Before the service ends: nothing is flushed by an orderly end yet.
  expect(await rowsInReplica(url, "SELECT count(*) AS notes FROM note")).toEqual([{ notes: 20 }]);
  expect(await (await fetch(`${base}/notes`)).json()).toHaveLength(20);
  const health = await fetch(`${base}/health`);
  expect(health.status).toBe(200);
  expect(await health.json()).toMatchObject({ lagMs: 0 });

  program.signal("SIGTERM");
  const { code, output } = await program.ended();
  expect(code, output).toBe(0);
});
