import { describe, expect, it } from "vitest";
import { peersAreRequired } from "./skip.js";

describe("peersAreRequired", () => {
  it.each([
    [{}, false],
    [{ CI: "" }, false],
    [{ CI: "false" }, false],
    [{ CI: "1" }, true],
    [{ CI: "true" }, true],
    [{ LS_REQUIRE_PEERS: "1" }, true],
    [{ LS_REQUIRE_PEERS: "0" }, false],
  ])("%j → %s", (env, expected) => {
    expect(peersAreRequired(env)).toBe(expected);
  });
});
