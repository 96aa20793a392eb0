import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { ref } from "../ltx-file.js";
import { assertStored, listed, write } from "../observe.js";

const METHODS = ["init", "ltxFiles", "openLTXFile", "writeLTXFile", "deleteLTXFiles", "deleteAll", "close"] as const;

export const CONTRACT_CASES: readonly ConformanceCase[] = [
  {
    id: "contract.shape",
    title: "a name and every method",
    duty: "ReplicaClient is the whole contract; rawKeys promises listRaw and openRaw.",
    run: async (context) => {
      const client = context.client();
      assert.ok(typeof client.type === "string" && client.type !== "", "type is the backend's name");
      for (const method of METHODS) assert.equal(typeof client[method], "function", `${method} is a method`);
      if (!client.capabilities.rawKeys) return;
      for (const method of ["listRaw", "openRaw"]) assert.ok(method in client, `rawKeys promises ${method}`);
    },
  },
  {
    id: "contract.capabilities",
    title: "declares what the test says that it declares",
    duty: "Callers adapt to capabilities; a client is held to what it declares.",
    run: async (context) => {
      const client = context.client();
      await client.init();
      const { createOnly, rawKeys, orderedSeek, timestamps } = client.capabilities;
      assert.deepEqual({ createOnly, rawKeys, orderedSeek, timestamps }, { ...context.capabilities });
    },
  },
  {
    id: "contract.destination",
    title: "one place has one destination, another place another",
    duty: "Clients of one type with the same destination write to the same place; two databases with one destination are refused by it.",
    run: async (context) => {
      const { destination } = context.client();
      assert.equal(context.client().destination, destination, "two clients of one place");
      if (destination !== undefined) assert.notEqual(context.client("app2").destination, destination, "clients of two places");
    },
  },
  {
    id: "init.idempotent",
    title: "any number of times, also at once",
    duty: "init is memoised and idempotent.",
    run: async (context) => {
      const client = context.client();
      await Promise.all([client.init(), client.init(), client.init()]);
      const bytes = await write(client, ref(1n));
      await client.init();
      await context.client().init();
      await assertStored(client, ref(1n), bytes, "a file from before a second init");
    },
  },
  {
    id: "init.implicit",
    title: "every method works without it",
    duty: "Every other method calls init.",
    run: async (context) => {
      assert.deepEqual(await listed(context.client()), [], "listing first");
      const bytes = await write(context.client(), ref(1n));
      await assertStored(context.client(), ref(1n), bytes, "reading first");
      await context.client().deleteLTXFiles([ref(1n)]);
      await context.client().deleteAll();
    },
  },
  {
    id: "init.owner",
    title: "takes the owner of the database",
    duty: "init receives mode and owner of the source database; a service without owners ignores them.",
    run: async (context) => {
      const client = context.client();
      await client.init({ owner: { mode: 0o600, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } });
      await assertStored(client, ref(1n), await write(client, ref(1n)));
    },
  },
];
