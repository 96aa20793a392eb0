import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { openWAL, TestEngine, tempDirectory } from "./harness.js";

afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

async function warningsOn(type: number | undefined): Promise<unknown[]> {
  if (type !== undefined) {
    const { statfsSync } = fs;
    // The numbers are the kernel's; nothing here can mount such file systems.
    vi.spyOn(fs, "statfsSync").mockImplementation((path) => ({ ...statfsSync(path), type }));
    syncBuiltinESMExports();
  }
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (v)");
  const engine = new TestEngine(path);
  expect(await engine.start()).toMatchObject({ kind: "attached" });
  await engine.stop();
  app.close();
  return engine.of("warning");
}

describe.skipIf(process.platform !== "linux")("[P12] a database on a network file system", () => {
  test.each([
    [0x6969, "NFS"],
    [0x517b, "SMB"],
    [0xff534d42, "CIFS"],
    [0xfe534d42, "SMB2"],
    [0x01021997, "9P"],
    [0x5346414f, "AFS"],
  ])("%i: a warning that names %s, and replication goes on", async (type, name) => {
    expect(await warningsOn(type)).toMatchObject([{ code: "LS_NETWORK_FILE_SYSTEM", message: expect.stringContaining(name) }]);
  });

  test.each([undefined, 0xef53, 0x65735546])("none on a local one (%s)", async (type) => {
    expect(await warningsOn(type)).toEqual([]);
  });
});
