import { fileURLToPath } from "node:url";
import { cleanEnv, Program, type S3Server, startVersitygw, tempDir, versitygwOrSkip } from "@ls/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const binary = versitygwOrSkip();

describe.skipIf(binary === undefined)("with an S3 server", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startVersitygw(binary ?? "");
  });
  afterAll(() => server.stop());

  function environment(changes: Record<string, string> = {}): Record<string, string | undefined> {
    return {
      ...cleanEnv(),
      LITESTREAM_BUCKET: server.bucket,
      LITESTREAM_PATH: "databases/myapp",
      AWS_REGION: server.region,
      AWS_ENDPOINT_URL_S3: server.endpoint,
      AWS_ACCESS_KEY_ID: server.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
      ...changes,
    };
  }

  test("each start on an empty disk goes on where the last one ended", async () => {
    for (const [start, found] of ["no-backup", "restored", "restored"].entries()) {
      using disk = tempDir("s3-start");
      const { code, output } = await Program.run(MAIN, { cwd: disk.path, env: environment() });
      expect(code, output).toBe(0);
      expect(output).toContain(`ensureExists: ${found}\nStart number ${start + 1}. Database ready with S3 replication.\n`);
    }
  });

  test("a wrong key stops the start, and is not shown", async () => {
    using disk = tempDir("s3-start");
    const { code, output } = await Program.run(MAIN, { cwd: disk.path, env: environment({ AWS_SECRET_ACCESS_KEY: "not-the-secret" }) });
    expect(code).toBe(1);
    expect(output).toContain("LS_STORAGE_DENIED");
    expect(output).not.toContain("not-the-secret");
  });
});
