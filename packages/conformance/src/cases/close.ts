import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { isLSError } from "@ls/core/backend-kit";
import type { ConformanceCase } from "../case.js";
import type { CaseContext } from "../context.js";
import { ltxBytes, ref } from "../ltx-file.js";
import { assertAbsent, assertStored, bytesOf, listed, shown, write } from "../observe.js";
import { chunked, PausedSource } from "../sources.js";

export const CLOSE_CASES: readonly ConformanceCase[] = [
  {
    id: "close.idempotent",
    title: "any number of times, also at once, also unused",
    duty: "close is idempotent.",
    run: async (context) => {
      await context.client().close();
      const client = context.client();
      await write(client, ref(1n));
      await Promise.all([client.close(), client.close()]);
      await client.close();
    },
  },
  {
    id: "close.keepsFiles",
    title: "another client finds the files, and goes on itself",
    duty: "close releases sockets and handles, nothing else.",
    run: async (context) => {
      const [first, second] = [context.client(), context.client()];
      const bytes = await write(first, ref(1n));
      await second.init();
      await first.close();
      await assertStored(second, ref(1n), bytes);
      await assertStored(context.client(), ref(1n), bytes, "a client made after that");
    },
  },
  {
    id: "close.useAfter",
    title: "a call after it works, or says that the client is closed",
    duty: "After close a client opens again by itself, or rejects with LS_NOT_OPEN; it never hangs.",
    run: async (context) => {
      const client = context.client();
      await write(client, ref(1n));
      await client.close();
      // One after the other: what a write makes of a replica that is being removed meanwhile is not asked here.
      const calls: (() => Promise<unknown>)[] = [
        () => client.init(),
        () => listed(client),
        () => bytesOf(client, ref(1n)),
        () => write(client, ref(2n)),
        () => client.deleteLTXFiles([ref(3n)]),
        () => client.deleteAll(),
      ];
      for (const call of calls) {
        await call().catch((error: unknown) => {
          assert.ok(isLSError(error, "LS_NOT_OPEN") || isLSError(error, "LS_LTX_FILE_NOT_FOUND"), `LS_NOT_OPEN, not: ${shown(error)}`);
        });
      }
      await client.close();
    },
  },
  {
    id: "close.duringWrite",
    title: "a write under way comes to an end, complete or without a trace",
    duty: "All or nothing, also when the client is closed meanwhile.",
    run: async (context) => {
      const client = context.client();
      const bytes = ltxBytes(ref(1n), { size: 200_000 });
      const source = new PausedSource(bytes, 100_000);
      const writing = client.writeLTXFile(ref(1n), source.read()).then(
        () => true,
        () => false,
      );
      await Promise.race([source.reached, writing]);
      const closing = client.close();
      source.resume();
      await closing;
      if (await writing) await assertStored(context.client(), ref(1n), bytes);
      else await assertAbsent(context.client(), ref(1n), "a write that failed at close");
    },
  },
  {
    id: "close.releases",
    title: "nothing stays open: no handle, no socket, no timer",
    duty: "close releases sockets and handles; failures and early exits leave none.",
    run: async (context) => {
      await useOnce(context);
      const before = resources();
      for (let round = 0; round < ROUNDS; round++) await useOnce(context);
      // Sockets go away some turns after they were ended; what is leaked stays, one at least per round.
      for (let look = 0; look < LOOKS && leaked(before, resources()).length > 0; look++) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(leaked(before, resources()), [], "what every round leaves behind");
    },
  },
];

const ROUNDS = 8;
/** Times 20 ms. */
const LOOKS = 150;

/** A client's life with an early exit, a missing file and an aborted write. */
async function useOnce(context: CaseContext): Promise<void> {
  const client = context.client();
  await write(client, ref(1n), { size: 2_000_000 });
  for await (const _ of client.openLTXFile(ref(1n))) break;
  for await (const _ of client.ltxFiles(0)) break;
  await bytesOf(client, ref(9n)).catch(() => {});
  const controller = new AbortController();
  const source = new PausedSource(ltxBytes(ref(2n), { size: 300_000 }), 200_000);
  const writing = client.writeLTXFile(ref(2n), source.read(), { signal: controller.signal }).catch(() => {});
  await Promise.race([source.reached, writing]);
  controller.abort();
  await writing;
  source.resume();
  await client.writeLTXFile(ref(3n), chunked(new Uint8Array(500))).catch(() => {});
  await client.close();
}

/** How many of each kind the process holds: what keeps its event loop alive, and open descriptors where the system tells. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  try {
    counts.set("descriptors", readdirSync("/proc/self/fd").length);
  } catch {
    // Only Linux has it.
  }
  return counts;
}

function leaked(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...after].filter(([kind, count]) => count - (before.get(kind) ?? 0) >= ROUNDS).map(([kind]) => kind);
}
