import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StagedFile } from "./protocol.js";
import { StagedQueue } from "./staged-queue.js";

const file = (txid: number, size: number): StagedFile => ({ txid: BigInt(txid), path: `${txid}`, size, timestampMs: 0, oldestCommitMs: 0 });

describe("StagedQueue", () => {
  it("is an array, whatever is done to it", () => {
    const action = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant("push" as const), count: fc.integer({ min: 1, max: 1500 }), gap: fc.integer({ min: 1, max: 3 }) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constantFrom("shift" as const, "pop" as const), count: fc.integer({ min: 1, max: 1500 }), gap: fc.constant(0) }),
      },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 12 }), (actions) => {
        const queue = new StagedQueue();
        const model: StagedFile[] = [];
        let txid = 0;
        for (const { kind, count, gap } of actions) {
          for (let i = 0; i < count; i++) {
            if (kind === "push") {
              txid += gap;
              const next = file(txid, 100 + (txid % 7));
              queue.push(next);
              model.push(next);
            } else if (queue[kind]() !== model[kind]()) throw new Error(`${kind} gave another file`);
          }
          expect([queue.first, queue.last, queue.length]).toEqual([model[0], model.at(-1), model.length]);
          expect(queue.bytes).toBe(model.reduce((sum, { size }) => sum + size, 0));
          for (const probe of [0, 1, txid >> 1, txid, txid + 1]) expect(queue.find(BigInt(probe))).toBe(model.find((m) => m.txid === BigInt(probe)));
        }
        expect(queue.toArray()).toEqual(model);
      }),
      { numRuns: 40 },
    );
  });
});
