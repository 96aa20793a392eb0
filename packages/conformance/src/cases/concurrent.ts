import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { ref } from "../ltx-file.js";
import { assertStored, listedNames, write } from "../observe.js";

export const CONCURRENT_CASES: readonly ConformanceCase[] = [
  {
    id: "concurrent.mixed",
    title: "writes, reads and deletions of different files through two clients",
    duty: "Call any method at any time and concurrently.",
    run: async (context) => {
      const clients = [context.client(), context.client()];
      const lane = async (n: number): Promise<void> => {
        const client = clients[n % 2] ?? context.client();
        for (let round = 0; round < 5; round++) {
          const bytes = await write(client, ref(BigInt(n + 1)), { size: 2000 + n, seed: n * 100 + round + 1 });
          await assertStored(client, ref(BigInt(n + 1)), bytes, `lane ${n}, round ${round}`);
          await client.deleteLTXFiles([ref(BigInt(n + 1))]);
        }
        await write(client, ref(BigInt(n + 1)));
      };
      await Promise.all(Array.from({ length: 8 }, (_, n) => lane(n)));
      assert.equal(await listedNames(context.client()), "1-1 2-2 3-3 4-4 5-5 6-6 7-7 8-8");
    },
  },
  {
    id: "concurrent.firstCalls",
    title: "the first calls of a new client, all at once",
    duty: "Every method calls init; init is memoised.",
    run: async (context) => {
      const client = context.client();
      const txids = [1n, 2n, 3n, 4n, 5n];
      await Promise.all([...txids.map((txid) => write(client, ref(txid))), client.init(), listedNames(client), client.deleteLTXFiles([ref(9n)])]);
      assert.equal(await listedNames(client), "1-1 2-2 3-3 4-4 5-5");
    },
  },
];
