import assert from "node:assert/strict";
import { inspect } from "node:util";
import { isLSError, type LSErrorCode, type ReplicaClient } from "@ls/core/backend-kit";
import type { ConformanceCase } from "../case.js";
import { ltxBytes, ref } from "../ltx-file.js";
import { assertStored, bytesOf, listed, rejection, shown, write } from "../observe.js";
import type { Trouble } from "../options.js";
import { chunked } from "../sources.js";

const CALLS: Readonly<Record<string, (client: ReplicaClient) => Promise<unknown>>> = {
  ltxFiles: (client) => listed(client),
  openLTXFile: (client) => bytesOf(client, ref(1n)),
  writeLTXFile: (client) => client.writeLTXFile(ref(1n), chunked(ltxBytes(ref(1n)))),
  deleteLTXFiles: (client) => client.deleteLTXFiles([ref(1n)]),
};

export const ERROR_CASES: readonly ConformanceCase[] = [
  {
    id: "errors.outage",
    title: "a service that cannot be reached is an error that may pass",
    duty: "Anything that may pass by itself is LS_STORAGE_UNAVAILABLE with retryable: true. An error never looks like an empty listing.",
    needs: ["outage"],
    run: async (context) => {
      const trouble = await context.outage();
      for (const [name, call] of Object.entries(CALLS)) {
        for (const error of each(await rejection(call(trouble.client), `${name} without the service`))) {
          assertStorageError(error, "LS_STORAGE_UNAVAILABLE", name);
          if (trouble.permanent !== true) assert.ok(isLSError(error) && error.retryable, `${name}: the error is retryable`);
        }
      }
    },
  },
  {
    id: "errors.recovery",
    title: "the same client works when the service is back",
    duty: "init is retried after a failure.",
    needs: ["outage"],
    run: async (context) => {
      const trouble = await context.outage();
      await rejection(write(trouble.client, ref(1n)), "a write without the service");
      await trouble.end();
      await trouble.client.init();
      await assertStored(trouble.client, ref(1n), await write(trouble.client, ref(1n)));
      assert.equal((await listed(trouble.client)).length, 1);
    },
  },
  {
    id: "errors.denied",
    title: "refused credentials are an error that stays",
    duty: "Refused credentials are LS_STORAGE_DENIED. An error never looks like an empty listing.",
    needs: ["denied"],
    run: async (context) => {
      const trouble = await context.denied();
      for (const [name, call] of Object.entries(CALLS)) {
        for (const error of each(await rejection(call(trouble.client), `${name} with refused credentials`))) {
          assertStorageError(error, "LS_STORAGE_DENIED", name);
          assert.ok(isLSError(error) && !error.retryable, `${name}: to try again is of no use`);
        }
      }
    },
  },
  {
    id: "errors.noSecrets",
    title: "no secret in an error, nor in what a client shows of itself",
    duty: "Secrets never reach messages, details, causes, util.inspect or JSON.",
    needs: ["secrets"],
    run: async (context) => {
      const client = context.client();
      await client.init();
      assertNoSecret(client, context.secrets(), "the client");
      assertNoSecret(client.destination, context.secrets(), "destination");
      assertNoSecret(await rejection(bytesOf(client, ref(1n)), "opening a missing file"), context.secrets(), "the error of a missing file");
    },
  },
  ...(["outage", "denied"] as const).map(
    (kind): ConformanceCase => ({
      id: `errors.noSecretsWhen${kind === "outage" ? "Unreachable" : "Denied"}`,
      title: `no secret in an error of a service that ${kind === "outage" ? "cannot be reached" : "refuses us"}`,
      duty: "Secrets never reach messages, details, causes, util.inspect or JSON.",
      needs: ["secrets", kind],
      run: async (context) => {
        const trouble: Trouble = await context[kind]();
        for (const [name, call] of Object.entries(CALLS))
          assertNoSecret(await rejection(call(trouble.client), name), context.secrets(), `the error of ${name}`);
      },
    }),
  ),
];

/** deleteLTXFiles tells failures one by one. */
function each(error: unknown): readonly unknown[] {
  return error instanceof AggregateError ? error.errors : [error];
}

function assertStorageError(error: unknown, code: LSErrorCode, name: string): void {
  assert.ok(isLSError(error, code), `${name} has to fail with ${code}, not with: ${shown(error)}`);
}

function assertNoSecret(value: unknown, secrets: readonly string[], where: string): void {
  const texts = [inspect(value, { depth: 12, showHidden: true }), String(value)];
  for (let error = value; error instanceof Error; error = error.cause) texts.push(error.message, error.stack ?? "");
  try {
    texts.push(JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? String(member) : member)) ?? "");
  } catch {
    // Circular: then nobody writes it as JSON either.
  }
  for (const secret of secrets) assert.ok(!texts.some((text) => text.includes(secret)), `${where} contains a secret`);
}
