import { PutObjectCommand } from "@aws-sdk/client-s3";
import { headerTimeMs, type LTXFileInfo, type LTXFileRef, type Part, PartReader, type WriteOptions } from "@ls/core/backend-kit";
import { checkStored, settleConflict, tailOf } from "./conflict.js";
import type { CreateOnlyProbe } from "./create-only.js";
import { isPreconditionFailed } from "./errors.js";
import { uploadParts } from "./multipart.js";
import { MAX_PARTS, type ObjectInput, objectInput } from "./object-input.js";
import { keyOf, label, type Place } from "./place.js";

/**
 * Stores a file, all or nothing, in one request where it fits into one part. Memory is a part for each that is under way, and for a small file its size.
 */
export async function writeObject(
  place: Place,
  probe: CreateOnlyProbe,
  ref: LTXFileRef,
  data: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<LTXFileInfo> {
  const { settings } = place;
  const { sizeHint, signal } = options;
  const key = keyOf(place, ref);
  signal?.throwIfAborted();
  const partBytes = Math.max(settings.partSizeBytes, Math.ceil((sizeHint ?? 0) / MAX_PARTS));
  const reader = new PartReader(data, { partBytes, sizeHint, signal });
  try {
    const first = await reader.next();
    const timestampMs = headerTimeMs(first.bytes, label(place, key));
    const input = objectInput(place, key, timestampMs);
    const isConditional = options.createOnly === true && (await probe.allows(key, signal));
    const size = first.isLast
      ? await putWhole(place, input, first, isConditional, signal)
      : await uploadParts({ place, input, first, reader, isConditional, signal });
    const { level, minTXID, maxTXID } = ref;
    return { level, minTXID, maxTXID, size, createdAt: new Date(timestampMs) };
  } finally {
    reader.close();
  }
}

async function putWhole(place: Place, input: ObjectInput, { bytes }: Part, isConditional: boolean, signal: AbortSignal | undefined): Promise<number> {
  const name = label(place, input.Key);
  const command = { ...input, Body: bytes, ContentLength: bytes.length, ...(isConditional ? { IfNoneMatch: "*" } : {}) };
  await place.connection.request({ what: `write ${name}`, bytes: bytes.length, signal }, async (client, call, attempt) => {
    try {
      checkStored(await client.send(new PutObjectCommand(command), call), name);
    } catch (error) {
      if (!isConditional || !isPreconditionFailed(error)) throw error;
      await settleConflict(place, input.Key, { size: bytes.length, tail: tailOf(bytes) }, attempt > 1, signal);
    }
  });
  return bytes.length;
}
