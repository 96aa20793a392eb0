import type { Readable } from "node:stream";
import { GetObjectCommand, type GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { type BodyRange, LSError, type LTXFileRef, type OpenedBody, type OpenOptions, resumableBody } from "@ls/core/backend-kit";
import { isBeyondEnd, isMissingObject, storageError } from "./errors.js";
import { keyOf, label, type Place } from "./place.js";

/** The bytes of one file, across connections that break. */
export function readObject(place: Place, ref: LTXFileRef, { offset = 0, size = 0, signal }: OpenOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const key = keyOf(place, ref);
  const what = `read ${label(place, key)}`;
  return resumableBody({
    offset,
    size: size === 0 ? undefined : size,
    signal,
    idleMs: place.settings.idleTimeoutMs,
    deadlineMs: place.settings.requestTimeoutMs,
    failure: (error) => storageError(error, what),
    open: (range, abort) => openObject(place, ref, key, what, range, abort),
  });
}

async function openObject(place: Place, ref: LTXFileRef, key: string, what: string, range: BodyRange, signal: AbortSignal): Promise<OpenedBody | undefined> {
  const { connection, settings } = place;
  const isWhole = range.offset === 0 && range.size === undefined;
  const input = {
    Bucket: settings.bucket,
    Key: key,
    ...settings.encryption.forRead,
    ...(isWhole ? {} : { Range: `bytes=${range.offset}-${range.size === undefined ? "" : range.offset + range.size - 1}` }),
  };
  // Once: the reader that asks for this goes on by itself.
  const answer = await connection.once({ what, signal }, (client, call) =>
    client.send(new GetObjectCommand(input), call).catch((error: unknown) => {
      if (isBeyondEnd(error)) return undefined;
      if (!isMissingObject(error)) throw error;
      throw notFound(label(place, key), ref);
    }),
  );
  if (answer === undefined) return undefined;
  const body = bodyOf(answer, what);
  if (answer.ETag === undefined && answer.LastModified === undefined) {
    // Every object has a time, and nearly every one an ETag (not a file put into the directory of a versitygw by hand); the page of a portal has neither.
    body.destroy();
    throw new LSError("LS_STORAGE_UNAVAILABLE", `cannot ${what}: the answer is not the service's`, { retryable: true });
  }
  if (range.offset > 0 && answer.ContentRange?.startsWith(`bytes ${range.offset}-`) !== true) {
    body.destroy();
    throw new LSError("LS_STORAGE_UNAVAILABLE", `cannot ${what}: the service does not give parts of objects`);
  }
  return { chunks: body, length: answer.ContentLength, version: answer.ETag, release: () => body.destroy() };
}

/** The SDK's body, which on Node is the answer itself. */
function bodyOf(answer: GetObjectCommandOutput, what: string): Readable {
  const body = answer.Body;
  if (body !== undefined && "destroy" in body && "read" in body) return body;
  throw new LSError("LS_STORAGE_UNAVAILABLE", `cannot ${what}: the client does not give Node's streams`);
}

function notFound(name: string, ref: LTXFileRef): LSError {
  const { level, minTXID, maxTXID } = ref;
  return new LSError("LS_LTX_FILE_NOT_FOUND", `there is no LTX file ${name}`, { details: { level, minTXID, maxTXID } });
}
