import { describe, expect, it } from "vitest";
import { MAX_RETRY_MS, retryDelayMs } from "./retry-delay.js";

describe("retryDelayMs", () => {
  const plain = { failures: 1, retryable: true, baseMs: 1000, random: 0 };
  it.each([
    ["starts at the interval", plain, 1000],
    ["not below 100 ms", { ...plain, baseMs: 0 }, 100],
    ["not above a second", { ...plain, baseMs: 3_600_000 }, 1000],
    ["doubles", { ...plain, failures: 4 }, 8000],
    ["ends at five minutes", { ...plain, failures: 40 }, MAX_RETRY_MS],
    ["stays finite", { ...plain, failures: 1e9 }, MAX_RETRY_MS],
    ["obeys a cap", { ...plain, failures: 40, capMs: 1000 }, 1000],
    ["is slow where repeating alone cannot help", { ...plain, retryable: false, baseMs: 100 }, 5000],
    ["takes off up to a half", { ...plain, random: 0.5 }, 750],
  ])("%s", (_, options, expected) => {
    expect(retryDelayMs(options)).toBe(expected);
  });
});
