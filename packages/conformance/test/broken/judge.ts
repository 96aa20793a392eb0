import { expect, test } from "vitest";
import { CONFORMANCE_CASES, runCase } from "../../src/index.js";
import { MemoryReplicaClient } from "../../src/memory/index.js";
import { memorySubject } from "../memory-subject.js";
import { type BrokenClient, withDefect } from "./broken-client.js";

/** A case that hangs costs this long; one that is slow on a loaded machine must not look as if it hung. */
const CASE_TIMEOUT_MS = 15_000;

/** Cases that look at the whole process, or count all requests of the service, and must not run beside others. */
const ALONE = ["close.releases", "list.orderedSeek"];

/** Tests of each client: that it fails the cases that name its defect, and no other. */
export function judge(defects: readonly BrokenClient[]): void {
  test.each(defects.map((one) => [one.defect, one] as const))(
    "%s",
    async (_, broken) => {
      expect(await failures(broken)).toEqual([broken.named, ...(broken.also ?? [])].sort());
    },
    120_000,
  );
}

/** Ids of the cases that the client does not pass. */
async function failures({ change }: BrokenClient): Promise<string[]> {
  const subject = {
    ...memorySubject((options, secret) => {
      const right = new MemoryReplicaClient(options);
      return withDefect(right, change(right, secret));
    }),
    timeoutMs: CASE_TIMEOUT_MS,
  };
  const failed: string[] = [];
  const run = async (one: (typeof CONFORMANCE_CASES)[number]): Promise<void> => runCase(one, subject).catch(() => void failed.push(one.id));
  await Promise.all(CONFORMANCE_CASES.filter((one) => !ALONE.includes(one.id)).map(run));
  for (const one of CONFORMANCE_CASES) if (ALONE.includes(one.id)) await run(one);
  return failed.sort();
}
