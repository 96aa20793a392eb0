import { describe, expect, it } from "vitest";
import { gateVersion } from "./version-gate.js";

describe("gateVersion", () => {
  it.each([
    // The release that fixed the WAL-reset bug, its neighbours, and the back-ports
    ["3.51.3", true, true],
    ["3.51.2", false, true],
    ["3.51.0", false, true],
    ["3.52.0", true, true],
    ["3.53.4", true, true],
    ["4.0.0", true, true],
    ["3.50.7", true, false],
    ["3.50.8", true, false],
    ["3.50.6", false, false],
    ["3.44.6", true, false],
    ["3.44.5", false, false],
    ["3.45.9", false, false],
    ["3.49.2", false, false],
    ["3.40.1", false, false],
    ["3.7.0", false, false],
    ["", false, false],
    ["undefined", false, false],
  ])("[B12, P3] %s: takeover %s, NOOP %s", (version, takeover, noop) => {
    const gate = gateVersion(version);
    expect(gate).toMatchObject({ takeover, noop });
    expect(gate.warning !== undefined).toBe(!takeover);
  });
});
