import { describe, expect, it } from "vitest";
import { type Attachment, type PhaseFacts, phaseOf } from "./status.js";

const facts = (attachment: Attachment, more: Partial<PhaseFacts> = {}): PhaseFacts => ({
  lifecycle: "open",
  attachment,
  uploadFails: false,
  paused: false,
  resting: false,
  ...more,
});
const attached: Attachment = { kind: "attached" };

describe("[M9] phaseOf", () => {
  it.each<readonly [string, PhaseFacts, string]>([
    ["before the engine answers", facts({ kind: "none" }, { lifecycle: "opening" }), "opening"],
    ["bringing both sides together", facts({ kind: "attaching" }), "attaching"],
    ["uploading what was left, in vain", facts({ kind: "attaching" }, { uploadFails: true }), "retrying"],
    ["no answer from the destination", facts({ kind: "retrying", error: new Error(), failures: 1, nextRetryMs: 0 }), "retrying"],
    ["no database yet", facts({ kind: "waiting", reason: "absent" }), "waiting"],
    ["all well", facts(attached), "replicating"],
    ["uploads fail", facts(attached, { uploadFails: true, paused: true }), "retrying"],
    ["no room", facts(attached, { paused: true }), "paused"],
    ["idle and let go of", facts(attached, { resting: true }), "resting"],
    ["no room, whatever the engine does", facts(attached, { paused: true, resting: true }), "paused"],
    ["over", facts({ kind: "failed", error: new Error() }, { uploadFails: true }), "failed"],
    ["closing wins", facts({ kind: "failed", error: new Error() }, { lifecycle: "closing" }), "closing"],
  ])("%s", (_, given, expected) => {
    expect(phaseOf(given)).toBe(expected);
  });
});
