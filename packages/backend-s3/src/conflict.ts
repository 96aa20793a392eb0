import { GetObjectCommand } from "@aws-sdk/client-s3";
import { LSError } from "@ls/core/backend-kit";
import { LTX_TRAILER_SIZE } from "@ls/ltx";
import { isBeyondEnd, isMissingObject } from "./errors.js";
import { label, type Place } from "./place.js";

/** What tells one LTX file from another of its name: its size, and its trailer, which holds its checksum. */
export interface Content {
  readonly size: number;
  readonly tail: Uint8Array;
}

export function tailOf(bytes: Uint8Array): Uint8Array {
  return bytes.slice(-LTX_TRAILER_SIZE);
}

/** A service that stored something says what. Answers of anything else on the way do not. */
export function checkStored({ ETag: etag }: { readonly ETag?: string | undefined }, name: string): void {
  if (etag === undefined || etag === "")
    throw new LSError("LS_STORAGE_UNAVAILABLE", `cannot write ${name}: the answer does not say that it was stored`, { retryable: true });
}

/**
 * Something of that name is there already. After an attempt without an answer it may be what that one stored.
 * @throws LSError `LS_CONFLICT` when it is something else.
 */
export async function settleConflict(place: Place, key: string, content: Content, mayBeOurs: boolean, signal: AbortSignal | undefined): Promise<void> {
  if (mayBeOurs && (await isSameContent(place, key, content, signal))) return;
  throw conflict(label(place, key));
}

export function conflict(name: string): LSError {
  return new LSError("LS_CONFLICT", `${name} exists already`, {});
}

/** Whether the stored object is this one. */
async function isSameContent(place: Place, key: string, { size, tail }: Content, signal: AbortSignal | undefined): Promise<boolean> {
  const { connection, settings } = place;
  // One byte more than there should be: an object of another size gives another number of bytes.
  const input = { Bucket: settings.bucket, Key: key, Range: `bytes=${size - tail.length}-${size}`, ...settings.encryption.forRead };
  const found = await connection.request({ what: `read ${label(place, key)}`, signal }, async (client, call) => {
    const answer = await client.send(new GetObjectCommand(input), call).catch((error: unknown) => {
      if (isBeyondEnd(error) || isMissingObject(error)) return undefined;
      throw error;
    });
    return answer?.Body?.transformToByteArray();
  });
  return found !== undefined && found.length === tail.length && found.every((byte, i) => byte === tail[i]);
}
