import { describe, expect, it } from "vitest";
import { frameEnd, WAL_FRAME_HEADER_SIZE } from "../../../wal/frame.js";
import type { WALHeader } from "../../../wal/header.js";
import type { CommittedEnd } from "../committed-end.js";
import type { FileStamp, FilesStamp } from "./files-stamp.js";
import {
  APART_MS,
  decideRest,
  decideWake,
  isFolded,
  type RestDecision,
  type RestFacts,
  SETTLE_MS,
  type WakeDecision,
  type WakeFacts,
} from "./rest-decision.js";

const facts = (changes: Partial<RestFacts> = {}): RestFacts => ({
  now: 10_000,
  idleSince: 4000,
  idleMs: 5000,
  folded: false,
  blockedUntil: 0,
  engaged: false,
  uploading: false,
  tableComplete: true,
  bytes: 1 << 20,
  settlingSince: undefined,
  ...changes,
});

describe("decideRest", () => {
  it.each<readonly [string, RestFacts, RestDecision]>([
    ["idle for long enough", facts(), { kind: "settle" }],
    ["just now", facts({ idleSince: 5000 }), { kind: "settle" }],
    ["not long enough", facts({ idleSince: 5001 }), { kind: "wait", until: 10_001 }],
    ["nothing to fold in: the files settle meanwhile", facts({ folded: true, idleSince: 5000 + SETTLE_MS }), { kind: "settle" }],
    ["nothing to fold in, but too early for that", facts({ folded: true, idleSince: 5001 + SETTLE_MS }), { kind: "wait", until: 10_001 }],
    ["nothing to fold in, and hardly any time to wait", facts({ folded: true, idleMs: 50, idleSince: 10_000 }), { kind: "settle" }],
    ["settled before it was idle for long enough", facts({ folded: true, idleSince: 5001, settlingSince: 9000 }), { kind: "wait", until: 10_001 }],
    ["something was in the way", facts({ blockedUntil: 12_000 }), { kind: "wait", until: 12_000 }],
    ["settling", facts({ settlingSince: 10_000 - SETTLE_MS + 1 }), { kind: "wait", until: 10_001 }],
    ["settled", facts({ settlingSince: 10_000 - SETTLE_MS }), { kind: "rest" }],
    ["settled, but a commit came", facts({ settlingSince: 9000, idleSince: 9500 }), { kind: "wait", until: 14_500 }],
    ["the files are left alone while they are being uploaded", facts({ uploading: true }), { kind: "settle" }],
    ["settled, and not everything is uploaded", facts({ uploading: true, settlingSince: 0 }), { kind: "wait", until: Number.POSITIVE_INFINITY }],
    ["commits or readers wait", facts({ engaged: true, settlingSince: 0 }), { kind: "stay" }],
    ["a table that could not prove anything", facts({ tableComplete: false }), { kind: "stay" }],
    ["the largest that rests", facts({ bytes: 64 * 1024 * 1024 }), { kind: "settle" }],
    ["too large to be compared", facts({ bytes: 64 * 1024 * 1024 + 1 }), { kind: "stay" }],
    ["switched off", facts({ idleMs: 0 }), { kind: "stay" }],
  ])("%s", (_, given, expected) => {
    expect(decideRest(given)).toEqual(expected);
  });
});

describe("isFolded", () => {
  const header: WALHeader = { bigEndianChecksum: false, pageSize: 4096, sequence: 1, salt1: 7, salt2: 8, checksum: { s0: 1, s1: 2 } };
  const end = (frames: number, backfilled = frames, changes: Partial<CommittedEnd> = {}): CommittedEnd => ({ header, frames, backfilled, ...changes });
  const frame = (salt1: number, salt2: number): Uint8Array => {
    const bytes = new Uint8Array(WAL_FRAME_HEADER_SIZE);
    const view = new DataView(bytes.buffer);
    view.setUint32(8, salt1);
    view.setUint32(12, salt2);
    return bytes;
  };
  const none = new Uint8Array(0);
  it.each<readonly [string, CommittedEnd, number, Uint8Array, boolean]>([
    ["no WAL", end(0, 0, { header: undefined }), 0, none, true],
    ["everything copied, nothing behind it", end(3), frameEnd(3, 4096), none, true],
    ["frames of an earlier generation behind it", end(3), frameEnd(5, 4096), frame(6, 9), true],
    ["one salt alone is the current one", end(3), frameEnd(5, 4096), frame(7, 9), true],
    ["a frame of this generation behind it: a commit in its fsync", end(3), frameEnd(4, 4096), frame(7, 8), false],
    ["a frame that is being written", end(3), frameEnd(3, 4096) + 10, new Uint8Array(10), false],
    ["not everything copied", end(3, 2), frameEnd(3, 4096), none, false],
    ["a restart that is prepared: the frames behind the header say nothing", end(0), frameEnd(3, 4096), frame(7, 8), false],
    ["a header alone", end(0), 32, none, false],
    ["a WAL that lost its header", end(3, 3, { header: undefined }), frameEnd(3, 4096), none, false],
    ["a WAL that was cut off", end(3), frameEnd(2, 4096), none, false],
  ])("%s", (_, given, size, next, expected) => {
    expect(isFolded(given, size, next)).toBe(expected);
  });
});

describe("decideWake", () => {
  const file = (changes: Partial<FileStamp> = {}): FileStamp => ({ dev: 1, ino: 2, size: 60_000, mtimeMs: 1000.25, ctimeMs: 1000.25, ...changes });
  const files = (database: FileStamp | undefined, wal?: FileStamp): FilesStamp => ({ database, wal });
  const written = file({ mtimeMs: 2000.25, ctimeMs: 2000.25 });
  const facts = (changes: Partial<WakeFacts> = {}): WakeFacts => ({
    rested: files(file()),
    restedMs: 1000,
    restAfterMs: 60_000,
    noticed: files(written),
    current: files(written),
    apartMs: APART_MS,
    ...changes,
  });
  const coarse = { ...written, ctimeMs: 2000 };
  it.each<readonly [string, WakeFacts, WakeDecision]>([
    ["written, closed, and left alone since", facts(), "glance"],
    ["two looks too close to one another", facts({ apartMs: APART_MS - 1 }), "wait"],
    ["written between the two looks", facts({ noticed: files({ ...written, mtimeMs: 1999.25 }) }), "wait"],
    ["closed between the two looks", facts({ noticed: files(written, file({ ino: 3 })) }), "wait"],
    ["somebody has it open", facts({ current: files(written, file({ ino: 3 })) }), "take-up"],
    ["it has gone", facts({ current: files(undefined) }), "take-up"],
    ["another file is in its place", facts({ rested: files(file({ ino: 3 })) }), "take-up"],
    ["another file system is in its place", facts({ rested: files(file({ dev: 3 })) }), "take-up"],
    ["there was none", facts({ rested: files(undefined) }), "take-up"],
    ["the largest", facts({ current: files({ ...written, size: 4 * 1024 * 1024 }), noticed: files({ ...written, size: 4 * 1024 * 1024 }) }), "glance"],
    ["too large", facts({ current: files({ ...written, size: 4 * 1024 * 1024 + 1 }) }), "take-up"],
    ["written to not long ago", facts({ restedMs: 999 }), "take-up"],
    ["that depends on how soon it rests", facts({ restedMs: 999, restAfterMs: 999 }), "glance"],
    ["times too coarse to show a write", facts({ current: files(coarse), noticed: files(coarse) }), "take-up"],
  ])("%s", (_, given, expected) => {
    expect(decideWake(given)).toBe(expected);
  });
});
