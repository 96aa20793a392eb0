import { type _Error as DeleteFailure, DeleteObjectCommand, DeleteObjectsCommand } from "@aws-sdk/client-s3";
import { ALL_LEVELS, type LSError, throwUndeleted } from "@ls/core/backend-kit";
import { isMissingObject, isNotImplemented, storageError } from "./errors.js";
import { pages } from "./list.js";
import { label, type Place } from "./place.js";

/** Keys that one request deletes at most. */
const BATCH = 1000;

/** Deletes keys; those that are gone count as deleted. @returns why the others are still there. */
export async function deleteKeys(place: Place, keys: readonly string[], signal: AbortSignal | undefined): Promise<LSError[]> {
  const failures: LSError[] = [];
  for (let at = 0; at < keys.length; at += BATCH) failures.push(...(await deleteBatch(place, keys.slice(at, at + BATCH), signal)));
  return failures;
}

/** Deletes everything in the replica's levels, a page at a time, and nothing beside or below them. */
export async function deleteEverything(place: Place, signal: AbortSignal | undefined): Promise<void> {
  const { layout } = place.settings;
  for (const level of ALL_LEVELS) {
    for await (const objects of pages(place, layout.levelPrefix(level), undefined, signal)) {
      const keys = objects.flatMap(({ Key: key = "" }) => (layout.holds(level, key) ? [key] : []));
      throwUndeleted(await deleteKeys(place, keys, signal), keys.length);
    }
  }
}

async function deleteBatch(place: Place, keys: readonly string[], signal: AbortSignal | undefined): Promise<LSError[]> {
  const { connection, settings } = place;
  const what = `delete ${keys.length} objects of s3://${settings.bucket}`;
  // Not quiet: services have been seen to keep failures to themselves then.
  const input = { Bucket: settings.bucket, Delete: { Objects: keys.map((key) => ({ Key: key })) } };
  const answer = await connection.request({ what, signal }, (client, call) =>
    client.send(new DeleteObjectsCommand(input), call).catch((error: unknown) => {
      if (!isNotImplemented(error)) throw error;
      return undefined;
    }),
  );
  if (answer === undefined) return deleteOneByOne(place, keys, signal);
  return (answer.Errors ?? []).filter((failure) => !isGone(failure)).map((failure) => keyFailure(place, failure));
}

/** For services without bulk deletes. */
async function deleteOneByOne(place: Place, keys: readonly string[], signal: AbortSignal | undefined): Promise<LSError[]> {
  const { connection, settings } = place;
  const failures: LSError[] = [];
  for (const key of keys) {
    const what = `delete ${label(place, key)}`;
    await connection
      .request({ what, signal }, (client, call) =>
        client.send(new DeleteObjectCommand({ Bucket: settings.bucket, Key: key }), call).catch((error: unknown) => {
          if (!isMissingObject(error)) throw error;
        }),
      )
      .catch((error: unknown) => {
        signal?.throwIfAborted();
        failures.push(storageError(error, what));
      });
  }
  return failures;
}

function isGone({ Code: code }: DeleteFailure): boolean {
  return code === "NoSuchKey" || code === "NotFound";
}

/** A failure that stands inside an answer of success. */
function keyFailure(place: Place, { Key: key = "", Code: code, Message: message }: DeleteFailure): LSError {
  const error = Object.assign(new Error(message ?? ""), { name: code ?? "Error" });
  return storageError(error, `delete ${label(place, key)}`);
}
