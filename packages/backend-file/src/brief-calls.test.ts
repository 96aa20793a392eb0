import { createHook } from "node:async_hooks";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encodeLTX } from "@ls/ltx";
import { afterEach, beforeEach, expect, test } from "vitest";
import { skipLoudly } from "../../../testkit/src/skip.js";
import { FileReplicaClient } from "./client.js";
import { BRIEF_CALLS_ELSEWHERE, BRIEF_CALLS_HERE, type BriefCalls } from "./descriptors.js";
import { ownershipOf } from "./directory.js";
import { writeFileAtomically } from "./write-file.js";

/** What is always done on another thread: create, write, times, sync, link, unlink, sync of the directory. */
const AWAITED_CALLS = 7;
/** Status and closing of the file, opening and closing of its directory. */
const BRIEF = 4;

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ls-brief-"));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function* ltx(txid: bigint): AsyncGenerator<Uint8Array> {
  yield* encodeLTX({ pageSize: 4096, commit: 1, minTXID: txid, maxTXID: txid, timestampMs: 1 }, [{ pgno: 1, data: new Uint8Array(4096) }]);
}

/** Calls of the file system that `work` has done on other threads. */
async function awaitedCalls(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type.startsWith("FSREQ")) count++;
    },
  }).enable();
  try {
    await work();
    return count;
  } finally {
    hook.disable();
  }
}

function write(client: FileReplicaClient, txid: bigint): Promise<unknown> {
  return client.writeLTXFile({ level: 0, minTXID: txid, maxTXID: txid }, ltx(txid), { createOnly: true });
}

const onPOSIX = process.platform !== "win32";

test.runIf(onPOSIX).each<[string, BriefCalls, number]>([
  ["a disk of this machine", BRIEF_CALLS_HERE, AWAITED_CALLS],
  ["elsewhere", BRIEF_CALLS_ELSEWHERE, AWAITED_CALLS + BRIEF],
])("%s", async (_, calls, expected) => {
  const settings = { ownership: ownershipOf(undefined), calls, createOnly: true, signal: undefined };
  expect(await awaitedCalls(() => writeFileAtomically(join(dir, "a.ltx"), ltx(1n), settings))).toBe(expected);
});

test.runIf(process.platform === "linux")("which of the two it is is asked when the first file is written, and again after a failure", async () => {
  if (process.geteuid?.() !== 0) return skipLoudly("the right to mount a ramfs", "run the tests as root");
  const root = join(dir, "disk", "replica");
  mkdirSync(dirname(root));
  const client = new FileReplicaClient({ path: root });
  await write(client, 1n);
  expect(await awaitedCalls(() => write(client, 2n))).toBe(AWAITED_CALLS);
  // Of a file system in memory that is none of those that are known.
  execFileSync("mount", ["-t", "ramfs", "ramfs", dirname(root)]);
  try {
    await expect(write(client, 3n)).rejects.toThrow();
    await write(client, 3n);
    expect(await awaitedCalls(() => write(client, 4n))).toBe(AWAITED_CALLS + BRIEF);
    expect(await client.localDirectory()).toBeUndefined();
  } finally {
    execFileSync("umount", [dirname(root)]);
  }
});
