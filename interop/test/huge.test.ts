import { tempDir, upstreamOrSkip } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { hugeByUpstream, hugeByUs } from "../src/huge.js";
import { judge } from "../src/judge.js";
import { byUpstream, byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();
/** More than the 64 MiB of WAL that one cut normally takes. */
const BYTES = 80 << 20;

describe.skipIf(upstream === undefined)("one transaction larger than a cut's usual share of the WAL", () => {
  const binary = upstream ?? "";

  it("passes from us to upstream", { timeout: 120_000 }, async () => {
    using dir = tempDir("h");
    const replica = await hugeByUs(dir.file("ours"), BYTES);
    expect((await judge([replica], dir.path, 1, byUpstream(binary))).faults).toEqual([]);
    expect((await judge([replica], dir.path, 1, byUs)).faults).toEqual([]);
  });

  it("passes from upstream to us", { timeout: 120_000 }, async () => {
    using dir = tempDir("h");
    const replica = await hugeByUpstream(binary, dir.file("theirs"), BYTES);
    expect((await judge([replica], dir.path, 1, byUs)).faults).toEqual([]);
  });
});
