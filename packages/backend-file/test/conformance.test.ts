import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { testReplicaClient } from "@ls/conformance";
import { formatLTXFilename } from "@ls/ltx";
import { afterAll, describe, test } from "vitest";
import { FileReplicaClient } from "../src/client.js";

const root = mkdtempSync(join(tmpdir(), "ls-conformance-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
// Below it, another user may be denied one directory and see the others.
chmodSync(root, 0o755);

const pathOf = (place: string): string => join(root, place);
const client = (place: string): FileReplicaClient => new FileReplicaClient({ path: pathOf(place) });

testReplicaClient({
  name: "file",
  runner: { describe, it: (title, body) => test(title, body, 60_000) },
  create: client,
  capabilities: { createOnly: true, rawKeys: false, orderedSeek: false, timestamps: "listing" },
  facilities: {
    foreign: async (place, level, name) => writeFile(join(pathOf(place), "ltx", String(level), name), "foreign"),
    // A file where a directory should be: the one failure of a local disk that even root meets, and that a program can end.
    outage: async (place) => {
      mkdirSync(dirname(pathOf(place)), { recursive: true });
      writeFileSync(pathOf(place), "in the way");
      return { client: client(place), permanent: true, end: () => rm(pathOf(place), { force: true }) };
    },
    denied: async (place) => {
      mkdirSync(pathOf(place), { recursive: true, mode: 0o700 });
      if (process.geteuid?.() === 0) process.seteuid?.(65_534);
      else chmodSync(pathOf(place), 0o000);
      return {
        client: client(place),
        end: async () => {
          if (process.getuid?.() === 0) process.seteuid?.(0);
          chmodSync(pathOf(place), 0o700);
        },
      };
    },
    // A directory under the file's name cannot be unlinked.
    undeletable: async (place, { level, minTXID, maxTXID }) => {
      const path = join(pathOf(place), "ltx", String(level), formatLTXFilename(minTXID, maxTXID));
      await unlink(path);
      await mkdir(path);
      return () => rm(path, { recursive: true });
    },
    requests: { impossible: "a directory is read as a whole; orderedSeek is not declared" },
    secrets: { impossible: "a directory needs no credentials" },
  },
});
