import assert from "node:assert/strict";
import { isLSError } from "@ls/core/backend-kit";
import type { ConformanceCase } from "../case.js";
import { ltxBytes, ref } from "../ltx-file.js";
import { assertCode, assertStored, rejection, write } from "../observe.js";
import { chunked, failing } from "../sources.js";

export const CREATE_ONLY_CASES: readonly ConformanceCase[] = [
  {
    id: "createOnly.exists",
    title: "a file that exists is refused and stays, whatever its size",
    duty: "createOnly: fail with LS_CONFLICT when the file exists already.",
    needs: ["createOnly"],
    run: async (context) => {
      const client = context.client();
      const old = await write(client, ref(1n));
      for (const size of [1000, 6 * 1024 * 1024]) {
        const bytes = ltxBytes(ref(1n), { size, seed: 2 });
        await assertCode("LS_CONFLICT", client.writeLTXFile(ref(1n), chunked(bytes), { createOnly: true }), `a create-only write of ${size} bytes`);
        await assertStored(client, ref(1n), old, "the file that was there");
      }
    },
  },
  {
    id: "createOnly.absent",
    title: "a file that is not there is made, also after it was deleted",
    duty: "createOnly refuses only what exists.",
    needs: ["createOnly"],
    run: async (context) => {
      const client = context.client();
      for (const seed of [1, 2]) {
        const bytes = ltxBytes(ref(1n), { seed });
        await client.writeLTXFile(ref(1n), chunked(bytes), { createOnly: true });
        await assertStored(client, ref(1n), bytes);
        await client.deleteLTXFiles([ref(1n)]);
      }
    },
  },
  {
    id: "createOnly.race",
    title: "of many writers exactly one wins, and its bytes stay",
    duty: "createOnly holds also against a concurrent writer.",
    needs: ["createOnly"],
    run: async (context) => {
      for (const txid of [1n, 2n, 3n, 4n]) {
        const contents = Array.from({ length: 8 }, (_, i) => ltxBytes(ref(txid), { size: 20_000, seed: i + 1 }));
        const outcomes = await Promise.allSettled(
          contents.map((bytes) => context.client().writeLTXFile(ref(txid), chunked(bytes, 5000), { createOnly: true })),
        );
        const winners = outcomes.flatMap((one, i) => (one.status === "fulfilled" ? [i] : []));
        assert.equal(winners.length, 1, "exactly one create-only writer wins");
        for (const one of outcomes)
          if (one.status === "rejected") assert.ok(isLSError(one.reason, "LS_CONFLICT"), `a loser gets LS_CONFLICT, not: ${one.reason}`);
        await assertStored(context.client(), ref(txid), contents[winners[0] ?? 0] ?? new Uint8Array(0), "the winner's file");
      }
    },
  },
  {
    id: "createOnly.failureReservesNothing",
    title: "a create-only write that failed does not keep the name",
    duty: "When data throws, nothing becomes visible, to a create-only writer neither.",
    needs: ["createOnly"],
    run: async (context) => {
      const bytes = ltxBytes(ref(1n));
      const failed = context.client().writeLTXFile(ref(1n), failing(bytes, 500, new Error("the source failed")), { createOnly: true });
      await rejection(failed, "a write whose source throws");
      const client = context.client();
      await client.writeLTXFile(ref(1n), chunked(bytes), { createOnly: true });
      await assertStored(client, ref(1n), bytes);
    },
  },
];
