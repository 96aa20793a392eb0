import { describe, expect, it } from "vitest";
import { Random, withSeed } from "./random.js";

describe("Random", () => {
  it("repeats itself for the same seed and differs for another", () => {
    const draw = (seed: number): number[] => Array.from({ length: 20 }, (_, i) => new Random(seed + i).uint32());
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(99));
  });

  it("stays inside the bounds of int and reaches both", () => {
    const random = new Random(1);
    const seen = new Set(Array.from({ length: 500 }, () => random.int(3, 6)));
    expect([...seen].sort()).toEqual([3, 4, 5, 6]);
  });

  it("names the seed when the body fails", async () => {
    await expect(withSeed(42, () => Promise.reject(new Error("boom")))).rejects.toThrow(/LS_SEED=42.*boom/);
  });
});
