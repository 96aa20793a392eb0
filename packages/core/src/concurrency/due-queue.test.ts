import fc from "fast-check";
import { expect, test } from "vitest";
import { DueQueue } from "./due-queue.js";

test("any sequence of changes: what is due comes out, earliest first, as from a sorted list", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), item: fc.nat(20), atMs: fc.nat(100) }),
    fc.record({ kind: fc.constant("delete" as const), item: fc.nat(20) }),
    fc.record({ kind: fc.constant("take" as const), nowMs: fc.nat(100) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const queue = new DueQueue<number>();
      const model = new Map<number, number>();
      for (const action of steps) {
        if (action.kind === "set") {
          queue.set(action.item, action.atMs);
          model.set(action.item, action.atMs);
        } else if (action.kind === "delete") {
          queue.delete(action.item);
          model.delete(action.item);
        } else {
          const next = Math.min(...model.values());
          const item = queue.takeDue(action.nowMs);
          if (next > action.nowMs) expect(item).toBeUndefined();
          else {
            expect(model.get(item ?? -1)).toBe(next);
            model.delete(item ?? -1);
          }
        }
        expect(queue.size).toBe(model.size);
        expect(queue.nextMs).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
      }
    }),
  );
});
