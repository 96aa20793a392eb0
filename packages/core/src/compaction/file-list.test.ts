import { describe, expect, it } from "vitest";
import { Random, seedOf } from "../../../../testkit/src/random.js";
import type { LTXFileInfo } from "../replica-client.js";
import { compareFiles, FileList } from "./file-list.js";

const MAX_TXID = 2n ** 63n - 1n;
const seed = seedOf(Date.now() >>> 0);

function file(minTXID: bigint, maxTXID: bigint, { size = 500, ms = 1_700_000_000_000 } = {}): LTXFileInfo {
  return { level: 3, minTXID, maxTXID, size, createdAt: new Date(ms) };
}

describe("FileList", () => {
  it("gives files back as they were, whatever their numbers", () => {
    const files = [
      file(1n, 1n, { size: 0, ms: 0 }),
      file(2n, 2n ** 32n - 1n, { size: 2 ** 53 - 1, ms: 8.64e15 }),
      file(2n ** 32n, 2n ** 53n + 1n, { ms: -1 }),
      file(MAX_TXID, MAX_TXID),
    ];
    const list = new FileList(3, files);
    expect([...list]).toEqual(files);
    expect(list).toHaveLength(4);
    expect(list.at(0)).toEqual(files[0]);
    expect(list.at(-1)).toEqual(files[3]);
    expect(list.at(-4)).toEqual(files[0]);
    expect(list.at(4)).toBeUndefined();
    expect(list.at(-5)).toBeUndefined();
    expect(list.highestTXID()).toBe(MAX_TXID);
  });

  it("is empty", () => {
    const list = new FileList(3, []);
    expect([...list]).toEqual([]);
    expect(list.at(0)).toBeUndefined();
    expect(list.at(-1)).toBeUndefined();
    expect(list.highestTXID()).toBe(0n);
    expect(list.endingAbove(0n)).toEqual([]);
    expect(list.remove(file(1n, 1n))).toBe(false);
  });

  it(`is an ordered list whatever is added and removed (seed ${seed})`, () => {
    const random = new Random(seed);
    const list = new FileList(3, []);
    let model: LTXFileInfo[] = [];
    for (let step = 0; step < 2000; step++) {
      const minTXID = BigInt(random.int(1, 40)) * (random.chance(0.5) ? 1n : 2n ** 40n);
      const one = file(minTXID, minTXID + BigInt(random.int(0, 3)), { size: random.int(0, 2 ** 31), ms: random.int(0, 2 ** 41) });
      const isThere = model.some((other) => compareFiles(other, one) === 0);
      model = model.filter((other) => compareFiles(other, one) !== 0);
      if (random.chance(0.6)) {
        list.add(one);
        model = [...model, one].sort(compareFiles);
      } else {
        expect(list.remove(one)).toBe(isThere);
      }
      const reached = one.maxTXID - 1n;
      expect(list.endingAbove(reached)).toEqual(model.slice(model.findLastIndex((other) => other.maxTXID <= reached) + 1));
    }
    expect([...list]).toEqual(model);
    expect(list.highestTXID()).toBe(
      model
        .map(({ maxTXID }) => maxTXID)
        .sort((a, b) => (a < b ? -1 : 1))
        .at(-1) ?? 0n,
    );
  });
});
