import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { LSError, type Part, type PartReader } from "@ls/core/backend-kit";
import { LTX_TRAILER_SIZE } from "@ls/ltx";
import { type Content, checkStored, settleConflict, tailOf } from "./conflict.js";
import { isMissingUpload, isPreconditionFailed } from "./errors.js";
import { MAX_PARTS, type ObjectInput } from "./object-input.js";
import { label, type Place } from "./place.js";

/** An aborted call waits so long for what it leaves to be removed; after that the removal goes on by itself. */
const CLEANUP_WAIT_MS = 2000;
/** A service may still be taking in a part when the upload is given up, and keep that part. */
const ABORT_ATTEMPTS = 3;

export interface PartsUpload {
  readonly place: Place;
  readonly input: ObjectInput;
  readonly first: Part;
  /** Gives the parts after the first. */
  readonly reader: PartReader;
  readonly isConditional: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Uploads an object in parts, some at a time. Nothing is visible before all are there, and nothing is left when it fails: what is under way is ended
 * and waited for first, as a part that arrives after the abort would stay, invisible and paid for.
 * @returns its size.
 */
export async function uploadParts(upload: PartsUpload): Promise<number> {
  const { place, input, signal } = upload;
  const { connection } = place;
  const what = `write ${label(place, input.Key)}`;
  // Without the caller's signal: an answer that nobody waits for would leave an upload that nobody knows.
  const created = connection.request({ what, signal: undefined }, (client, call) => client.send(new CreateMultipartUploadCommand(input), call));
  const id = await unlessAborted(created, signal).catch(async (error: unknown) => {
    await briefly(created.then(({ UploadId }) => (UploadId === undefined ? undefined : removeUpload(place, input.Key, UploadId, undefined))));
    throw error;
  });
  if (id.UploadId === undefined) throw new LSError("LS_STORAGE_UNAVAILABLE", `cannot ${what}: the service began no upload`, { retryable: true });
  const cancel = new AbortController();
  const follow = (): void => cancel.abort(signal?.reason);
  signal?.addEventListener("abort", follow, { once: true });
  const running = new Set<Promise<void>>();
  try {
    signal?.throwIfAborted();
    const { parts, content } = await sendParts(upload, id.UploadId, cancel, running);
    await complete(upload, id.UploadId, parts, content);
    return content.size;
  } catch (error) {
    cancel.abort(error);
    await briefly(Promise.allSettled(running).then(() => removeUpload(place, input.Key, id.UploadId ?? "", undefined)));
    throw error;
  } finally {
    signal?.removeEventListener("abort", follow);
  }
}

async function sendParts(
  upload: PartsUpload,
  uploadId: string,
  cancel: AbortController,
  running: Set<Promise<void>>,
): Promise<{ parts: CompletedPart[]; content: Content }> {
  const { place, input, first, reader } = upload;
  const parts: CompletedPart[] = [];
  let size = 0;
  let tail: Uint8Array = new Uint8Array(0);
  for (let part = first, number = 1; ; number++) {
    if (number > MAX_PARTS) {
      throw new LSError(
        "LS_STORAGE_UNAVAILABLE",
        `cannot write ${label(place, input.Key)}: it takes more than ${MAX_PARTS} parts; a larger partSizeBytes makes them fewer`,
      );
    }
    const sent = part;
    size += sent.bytes.length;
    tail = joined(tail, sent.bytes);
    const task = sendPart(upload, uploadId, number, sent.bytes, cancel.signal).then((completed) => {
      parts[number - 1] = completed;
      reader.release(sent);
    });
    running.add(task);
    task.then(
      () => running.delete(task),
      (error: unknown) => cancel.abort(error),
    );
    if (sent.isLast) break;
    if (running.size >= place.settings.concurrency) await Promise.race(running);
    // A part that failed ends the wait for the next chunk too.
    part = await unlessAborted(reader.next(), cancel.signal);
  }
  await Promise.all(running);
  return { parts, content: { size, tail } };
}

async function sendPart({ place, input }: PartsUpload, uploadId: string, number: number, bytes: Uint8Array, signal: AbortSignal): Promise<CompletedPart> {
  const name = label(place, input.Key);
  const command = {
    Bucket: input.Bucket,
    Key: input.Key,
    UploadId: uploadId,
    PartNumber: number,
    Body: bytes,
    ContentLength: bytes.length,
    ...place.settings.encryption.forRead,
  };
  return place.connection.request({ what: `write part ${number} of ${name}`, bytes: bytes.length, signal }, async (client, call) => {
    const answer = await client.send(new UploadPartCommand(command), call);
    checkStored(answer, name);
    const { ETag, ChecksumCRC32 } = answer;
    return { PartNumber: number, ...(ETag === undefined ? {} : { ETag }), ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
  });
}

async function complete({ place, input, isConditional, signal }: PartsUpload, uploadId: string, parts: CompletedPart[], content: Content): Promise<void> {
  const name = label(place, input.Key);
  const command = {
    Bucket: input.Bucket,
    Key: input.Key,
    UploadId: uploadId,
    MultipartUpload: { Parts: parts },
    ...place.settings.encryption.forRead,
    ...(isConditional ? { IfNoneMatch: "*" } : {}),
  };
  await place.connection.request({ what: `write ${name}`, signal }, async (client, call, attempt) => {
    try {
      checkStored(await client.send(new CompleteMultipartUploadCommand(command), call), name);
    } catch (error) {
      const isRefused = isConditional && isPreconditionFailed(error);
      // An upload that is gone after an attempt without an answer was completed by that one, or is lost.
      if (!isRefused && !(attempt > 1 && isMissingUpload(error))) throw error;
      await settleConflict(place, input.Key, content, attempt > 1, signal);
    }
  });
}

/** Removes an upload with its parts, and looks whether that was all. */
export async function removeUpload(place: Place, key: string, uploadId: string, signal: AbortSignal | undefined): Promise<void> {
  const command = { Bucket: place.settings.bucket, Key: key, UploadId: uploadId };
  for (let attempt = 1; attempt <= ABORT_ATTEMPTS; attempt++) {
    const isGone = await place.connection.request({ what: `remove the parts of ${label(place, key)}`, signal }, (client, call) =>
      client.send(new AbortMultipartUploadCommand(command), call).then(
        () => false,
        (error: unknown) => {
          if (isMissingUpload(error)) return true;
          throw error;
        },
      ),
    );
    if (isGone) return;
  }
}

/** The result, or the signal's reason at once. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Waits for a cleanup, not for ever; the failure that made it necessary is the one to report. */
async function briefly(cleanup: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLEANUP_WAIT_MS);
  });
  await Promise.race([cleanup.catch(() => {}), patience]);
  clearTimeout(timer);
}

/** The last bytes of an object so far. */
function joined(tail: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (bytes.length >= LTX_TRAILER_SIZE) return tailOf(bytes);
  const both = new Uint8Array(tail.length + bytes.length);
  both.set(tail);
  both.set(bytes, tail.length);
  return tailOf(both);
}
