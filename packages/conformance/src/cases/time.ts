import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { ref } from "../ltx-file.js";
import { listed, write } from "../observe.js";

/** The last and first milliseconds of seconds, an old one, one beyond 32 bits of seconds. */
const TIMES = [
  1,
  999,
  1000,
  Date.UTC(2001, 1, 3, 4, 5, 6, 7),
  Date.UTC(2026, 0, 31, 12, 0, 0, 655),
  Date.UTC(2026, 0, 31, 12, 0, 0, 999),
  Date.UTC(2107, 5, 1, 0, 0, 0, 1),
];

export const TIME_CASES: readonly ConformanceCase[] = [
  {
    id: "time.accurate",
    title: "accurateTimestamps gives the header's time, to the millisecond",
    duty: "accurateTimestamps: createdAt is the LTX header's time even where the listing does not carry it.",
    run: async (context) => {
      const client = context.client();
      for (const [i, timestampMs] of TIMES.entries()) await write(client, ref(BigInt(i + 1)), { timestampMs, size: 6000 });
      assert.deepEqual(
        (await listed(context.client(), 0, { accurateTimestamps: true })).map((file) => file.createdAt.getTime()),
        TIMES,
      );
    },
  },
  {
    id: "time.listed",
    title: "a listing that carries the time carries the header's",
    duty: 'timestamps: "listing" promises the header\'s time without accurateTimestamps.',
    needs: ["listedTimes"],
    run: async (context) => {
      const client = context.client();
      for (const [i, timestampMs] of TIMES.entries()) await write(client, ref(BigInt(i + 1)), { timestampMs });
      assert.deepEqual(
        (await listed(context.client())).map((file) => file.createdAt.getTime()),
        TIMES,
      );
    },
  },
  {
    id: "time.overwritten",
    title: "an overwritten file has its new time",
    duty: "createdAt is the time in the header of what is stored.",
    run: async (context) => {
      const client = context.client();
      await write(client, ref(1n), { timestampMs: 5000 });
      await write(client, ref(1n), { timestampMs: 7123 });
      assert.deepEqual(
        (await listed(client, 0, { accurateTimestamps: true })).map((file) => file.createdAt.getTime()),
        [7123],
      );
    },
  },
];
