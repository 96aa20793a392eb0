import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDescriptors } from "../../../testkit/src/census.js";
import { FaultStore } from "../../../testkit/src/fault-store.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { publish } from "../src/replica/publish.js";
import { tempDirectory } from "./harness.js";

test("[D3] uploads that break off leave no staged file open", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "staged.ltx");
  const size = 600_000;
  writeFileSync(path, new Uint8Array(size));
  const store = new FaultStore(new MemoryClient());
  store.arm({ operation: "write", fault: { kind: "drop", afterBytes: 1000 } });
  const file = { txid: 1n, path, size, timestampMs: 0, pageCount: 1, oldestCommitMs: 0 };
  for (let i = 0; i < 1000; i++) await expect(publish(store, file, { doubtful: false })).rejects.toMatchObject({ retryable: true });
  expect(openDescriptors("self").filter((target) => target === path)).toEqual([]);
});
