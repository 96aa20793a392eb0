import { expect, test } from "vitest";
import { Backoff, nextCut, nextLook, type PaceFacts } from "./pace.js";

const facts: PaceFacts = {
  now: 10_000,
  lastLook: 9_990,
  lastFrames: 9_990,
  framesPerMs: 100,
  framesToLimit: 10_000,
  restartDue: false,
  dirtySince: 9_900,
  lastCut: 9_500,
  syncIntervalMs: 1000,
  uploading: false,
  cutBlockedUntil: 0,
  backlog: false,
};

test.each<[string, Partial<PaceFacts>, number | undefined]>([
  ["while frames arrive", {}, 10_040],
  ["just before it counts as quiet", { lastFrames: 9_501 }, 10_040],
  ["READ0, before the application checkpoints by itself", { restartDue: true }, 9_995],
  ["READ0, not all the time", { restartDue: true, framesPerMs: 1000 }, 9_992],
  ["READ0 and a slow writer", { restartDue: true, framesPerMs: 3 }, 10_040],
  ["READ0 and no writer", { restartDue: true, framesPerMs: 0 }, 10_040],
  ["just when the WAL reaches its limit", { framesToLimit: 2000 }, 10_010],
  ["a limit that will not be reached", { framesToLimit: 2000, framesPerMs: 0 }, 10_040],
  ["beyond the limit", { framesToLimit: -1 }, 10_040],
  ["quiet", { lastFrames: 9_500 }, undefined],
  ["never a frame", { lastFrames: Number.NEGATIVE_INFINITY }, undefined],
])("next look: %s", (_, changes, expected) => {
  expect(nextLook({ ...facts, ...changes })).toBe(expected);
});

test.each<[string, Partial<PaceFacts>, number | undefined]>([
  ["nothing to cut", { dirtySince: undefined }, undefined],
  ["one interval after the last cut", {}, 10_500],
  ["the first cut", { lastCut: Number.NEGATIVE_INFINITY }, 0],
  ["a failed one is waited out", { cutBlockedUntil: 12_000 }, 12_000],
  ["more than one capture full", { backlog: true }, 10_000],
  ["more than one capture full after a failure", { backlog: true, cutBlockedUntil: 11_000 }, 11_000],
  ["interval 0", { syncIntervalMs: 0 }, 10_000],
  ["interval 0, the last file still on its way", { syncIntervalMs: 0, uploading: true }, undefined],
  ["interval 0 with a backlog does not wait for it", { syncIntervalMs: 0, uploading: true, backlog: true }, 10_000],
])("next cut: %s", (_, changes, expected) => {
  expect(nextCut({ ...facts, ...changes })).toBe(expected);
});

test("the backoff doubles from a second to five minutes, and starts again", () => {
  const backoff = new Backoff();
  expect(Array.from({ length: 10 }, () => backoff.next())).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000]);
  backoff.reset();
  expect(backoff.next()).toBe(1000);
});
