import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { FileReplicaClient } from "@ls/backend-file/client";
import { formatTXID, parseTXID } from "@ls/ltx";
import { type TempDir, tempDir } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { type Attempt, attemptRestore } from "../src/attempt.js";
import { copyReplica, fixturePath, type RecordedReplica, type RecordedResult, readRecord, setTime } from "../src/fixture.js";

/**
 * Damage that upstream was given, and what it did. We may do better (another chain, a clearer error). What we may not do is give a database that never was,
 * give an older one than asked for without saying so, or leave anything behind.
 */

type Edit =
  | { readonly op: "delete"; readonly path: string }
  | { readonly op: "mkdir"; readonly path: string }
  | { readonly op: "truncate"; readonly path: string; readonly size: number }
  | { readonly op: "append"; readonly path: string; readonly hex: string }
  | { readonly op: "xor"; readonly path: string; readonly offset: number; readonly mask: number }
  | { readonly op: "write"; readonly path: string; readonly file: string; readonly mtime: string };

type DamagedResult = RecordedResult & { readonly equals_good_txid?: string };

interface DamageCase {
  readonly name: string;
  readonly base: string;
  readonly ops: readonly Edit[];
  readonly latest: DamagedResult;
  readonly integrity_check_full: DamagedResult;
  readonly txid: Readonly<Record<string, DamagedResult>>;
  readonly timestamp: Readonly<Record<string, DamagedResult>>;
}

const { cases } = readRecord<{ readonly cases: readonly DamageCase[] }>("h-damage", "cases.json");

function damagedReplica(damage: DamageCase, dir: TempDir): FileReplicaClient {
  const path = dir.file("replica");
  copyReplica(damage.base, path);
  for (const edit of damage.ops) applyEdit(edit, dir.file("replica", edit.path));
  return new FileReplicaClient({ path });
}

function applyEdit(edit: Edit, path: string): void {
  if (edit.op === "delete") {
    rmSync(path);
  } else if (edit.op === "mkdir") {
    mkdirSync(path, { recursive: true });
  } else if (edit.op === "write") {
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(fixturePath("h-damage", edit.file), path);
    setTime(path, Date.parse(edit.mtime));
  } else {
    const { mtimeMs } = statSync(path);
    const bytes = readFileSync(path);
    if (edit.op === "truncate") truncateSync(path, edit.size);
    if (edit.op === "append") appendFileSync(path, Buffer.from(edit.hex, "hex"));
    if (edit.op === "xor") {
      bytes.writeUInt8(bytes.readUInt8(edit.offset) ^ edit.mask, edit.offset);
      writeFileSync(path, bytes);
    }
    setTime(path, Math.round(mtimeMs));
  }
}

/** Nothing wrong, nothing left: a state that the undamaged replica has under the same TXID, or an error. */
function expectHarmless(outcome: Attempt, base: RecordedReplica): void {
  if ("code" in outcome) {
    expect(["LS_TX_NOT_AVAILABLE", "LS_LTX_MISSING", "LS_LTX_CORRUPTED", "LS_NO_SNAPSHOTS"]).toContain(outcome.code);
    expect(outcome.left).toEqual([]);
  } else {
    expect(outcome.left).toEqual(["out.db"]);
    expect(outcome.sha256).toBe(base.txids[formatTXID(outcome.result.txid)]?.sha256);
  }
}

/** What a request must give at least: whatever upstream could restore. */
function expectAsGoodAs(outcome: Attempt, recorded: DamagedResult): void {
  if (recorded.exit === 0) expect(outcome).toMatchObject({ sha256: recorded.sha256 });
}

describe.each(cases)("$name", (damage) => {
  const base = readRecord<RecordedReplica>(damage.base, "expected.json");

  test("is harmless, and no worse than upstream", async () => {
    using dir = tempDir("damage");
    const client = damagedReplica(damage, dir);

    const latest = await attemptRestore(client, {});
    expectHarmless(latest, base);
    expectAsGoodAs(latest, damage.latest);
    const checked = await attemptRestore(client, { integrityCheck: "full", driver: Database });
    expectHarmless(checked, base);
    expectAsGoodAs(checked, damage.integrity_check_full);

    for (const [hex, recorded] of Object.entries(damage.txid)) {
      const outcome = await attemptRestore(client, { txid: parseTXID(hex) });
      expectHarmless(outcome, base);
      expectAsGoodAs(outcome, recorded);
      if (!("code" in outcome)) expect(outcome.result.txid).toBe(parseTXID(hex));
    }
    for (const [at, recorded] of Object.entries(damage.timestamp)) {
      const outcome = await attemptRestore(client, { timestamp: new Date(at) });
      expectHarmless(outcome, base);
      // Where files are missing upstream may give something clearly older; then an error is right.
      const truth = base.files.filter((file) => Date.parse(file.header_timestamp) <= Date.parse(at)).map((file) => file.ltx.max_txid);
      if (recorded.equals_good_txid === truth.sort().at(-1)) expectAsGoodAs(outcome, recorded);
    }
  });
});

describe("better than upstream", () => {
  async function restored(name: string, request: Parameters<typeof attemptRestore>[1]): Promise<Attempt> {
    const damage = cases.find((one) => one.name === name);
    if (damage === undefined) throw new Error(`no case ${name}`);
    using dir = tempDir("damage");
    return await attemptRestore(damagedReplica(damage, dir), request);
  }
  const good = (base: string, hex: string): string | undefined => readRecord<RecordedReplica>(base, "expected.json").txids[hex]?.sha256;
  const file = (level: number, min: bigint, max: bigint): object => ({ level, minTXID: min, maxTXID: max });

  test.each([
    ["snapshot-bad-checksum", "h-base-multi", "0000000000000033", file(9, 1n, 0x2en)],
    ["snapshot-empty", "h-base-multi", "0000000000000033", file(9, 1n, 0x2en)],
    ["compacted-bad-l0-good", "h-base-l0", "0000000000000021", file(1, 1n, 8n)],
  ])("[Q6] %s: the latest state comes from another chain, and the file is named", async (name, base, hex, damaged) => {
    expect(await restored(name, {})).toMatchObject({ sha256: good(base, hex), result: { damaged: [damaged] } });
  });

  test.each([
    "truncated-in-index",
    "truncated-one-byte",
    "truncated-in-header",
    "empty-middle",
    "appended-garbage",
    "flip-page-lz4",
    "flip-page-flags",
    "flip-page-size-huge",
    "flip-index-pgno",
    "flip-trailer-post-apply",
    "flip-header-magic",
    "flip-header-page-size",
    "flip-header-timestamp",
    "wrong-page-size-file",
  ])("%s: the error names the file and the states around it", async (name) => {
    expect(await restored(name, {})).toMatchObject({
      code: "LS_LTX_CORRUPTED",
      details: { damaged: [file(0, 0x10n, 0x10n)], before: { txid: 0xfn }, earliest: { txid: 1n }, latest: { txid: 0xfn } },
    });
  });

  test("[Q3] a gap is named, for the latest state and for a time behind it", async () => {
    const missing = { code: "LS_LTX_MISSING", details: { missing: { minTXID: 0x10n, maxTXID: 0x10n }, before: { txid: 0xfn } } };
    expect(await restored("l0-missing-two", {})).toMatchObject(missing);
    expect(await restored("l0-missing-two", { timestamp: new Date("2026-11-23T03:10:22.522Z") })).toMatchObject(missing);
    expect(await restored("compacted-gap", { timestamp: new Date("2026-11-23T03:10:20.248Z") })).toMatchObject({
      code: "LS_LTX_MISSING",
      details: { missing: { minTXID: 9n, maxTXID: 9n }, before: { txid: 8n } },
    });
  });

  test("nothing to start from says so", async () => {
    expect(await restored("l0-missing-first", {})).toMatchObject({ code: "LS_NO_SNAPSHOTS", details: { reason: "no-start" } });
  });
});
