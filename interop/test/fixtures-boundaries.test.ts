import { FileReplicaClient } from "@ls/backend-file/client";
import { expect, test } from "vitest";
import { attemptRestore } from "../src/attempt.js";
import { fixturePath, type RecordedReplica, type RecordedResult, readRecord } from "../src/fixture.js";

/**
 * Times exactly on a transaction, a millisecond beside it, and (upstream only) a microsecond after it. Upstream means "before", we mean "at or before": what
 * it gives a microsecond after a file's time is what we give at that time. After the newest it refuses, we give the newest.
 */

type Boundary = RecordedResult & {
  readonly base: string;
  readonly file_time: string;
  readonly offset: "-1ms" | "exact" | "+1us" | "+1ms";
  readonly at: string;
};

const { timestamp_boundaries: boundaries } = readRecord<{ readonly timestamp_boundaries: readonly Boundary[] }>("k-cli", "cli.json");

test.each(boundaries.filter(({ offset }) => offset !== "+1us"))("$base at $file_time $offset", async ({ base, file_time, offset, at, ...recorded }) => {
  const expected = readRecord<RecordedReplica>(base, "expected.json");
  const client = new FileReplicaClient({ path: fixturePath(base, "replica") });
  const outcome = await attemptRestore(client, { timestamp: new Date(at) });

  const justAfter = boundaries.find((other) => other.base === base && other.file_time === file_time && other.offset === "+1us");
  const counterpart = offset === "exact" ? justAfter : recorded;
  const newest = Math.max(...expected.files.map((file) => file.ltx.timestamp_ms));
  if (Date.parse(at) >= newest) expect(outcome).toMatchObject({ sha256: expected.latest.sha256 });
  else if (counterpart?.exit === 0) expect(outcome).toMatchObject({ sha256: counterpart.sha256 });
  else expect(outcome).toMatchObject({ code: "LS_TX_NOT_AVAILABLE", left: [] });
});
