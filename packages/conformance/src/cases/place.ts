import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { range, ref } from "../ltx-file.js";
import { assertStored, listed, listedNames, write } from "../observe.js";

/** Places whose names begin with, or are the beginning of, the name in the middle. */
const SIBLINGS = ["ap", "app2", "app-2", "app.bak", "app_", "app0000"];

export const PLACE_CASES: readonly ConformanceCase[] = [
  {
    id: "place.siblings",
    title: "places whose names begin alike do not see one another",
    duty: "One client holds one database's replica; app2 is not a part of app.",
    run: async (context) => {
      await write(context.client(), ref(1n));
      for (const [i, name] of SIBLINGS.entries()) await write(context.client(name), ref(BigInt(i + 2)));
      assert.equal(await listedNames(context.client()), "1-1");
      for (const [i, name] of SIBLINGS.entries()) assert.equal(await listedNames(context.client(name)), `${i + 2}-${i + 2}`, name);
    },
  },
  {
    id: "place.deletesOnlyItself",
    title: "deleting never reaches a place whose name begins alike",
    duty: "deleteAll deletes everything in the levels of this replica, and nothing else.",
    run: async (context) => {
      const kept = new Map<string, Uint8Array>();
      for (const name of SIBLINGS) kept.set(name, await write(context.client(name), ref(1n)));
      const client = context.client();
      await write(client, ref(1n));
      await client.deleteLTXFiles([ref(1n)]);
      await write(client, ref(1n));
      await client.deleteAll();
      assert.deepEqual(await listed(client), []);
      for (const [name, bytes] of kept) await assertStored(context.client(name), ref(1n), bytes, `the file of ${name}`);
    },
  },
  {
    id: "place.nested",
    title: "a place inside another one is not listed by it, and deletes only itself",
    duty: "Lists the files of one level of this destination.",
    run: async (context) => {
      const outer = await write(context.client("app"), ref(1n));
      await write(context.client("app/inner"), ref(2n));
      assert.equal(await listedNames(context.client("app")), "1-1");
      assert.equal(await listedNames(context.client("app/inner")), "2-2");
      await context.client("app/inner").deleteAll();
      await assertStored(context.client("app"), ref(1n), outer, "the outer place's file");
    },
  },
  {
    id: "place.nestedStay",
    title: "deleting a place leaves those inside it, also where they are named like its levels",
    duty: "deleteAll deletes everything in the levels of this replica: another destination whose path begins with this one's stays.",
    run: async (context) => {
      const inner = ["app/inner", "app/0", "app/0001", "app/ltx", "app/ltx/0"];
      const kept = new Map<string, Uint8Array>();
      for (const name of inner) kept.set(name, await write(context.client(name), range(1n, 2n)));
      const client = context.client("app");
      await write(client, ref(1n));
      await client.deleteAll();
      assert.deepEqual(await listed(client), []);
      for (const [name, bytes] of kept) await assertStored(context.client(name), range(1n, 2n), bytes, `the file of ${name}`);
    },
  },
  {
    id: "place.unusualNames",
    title: "spaces, percent signs and letters of any script",
    duty: "The name of a place is taken as it is.",
    run: async (context) => {
      const unusual = ["a b", "a%20b", "a+b", "überblick", "備份", "a&b=c"];
      for (const [i, name] of unusual.entries()) await write(context.client(name), ref(BigInt(i + 1)));
      for (const [i, name] of unusual.entries()) assert.equal(await listedNames(context.client(name)), `${i + 1}-${i + 1}`, name);
      await context.client("a b").deleteAll();
      assert.equal(await listedNames(context.client("a%20b")), "2-2", "a%20b after a b was deleted");
    },
  },
];
