import { ListMultipartUploadsCommand, type ListMultipartUploadsCommandOutput, ListPartsCommand, type MultipartUpload } from "@aws-sdk/client-s3";
import { ALL_LEVELS } from "@ls/core/backend-kit";
import { removeUpload } from "./multipart.js";
import { label, type Place } from "./place.js";

/** An upload to which nothing was added for so long is nobody's any more. */
const ABANDONED_MS = 24 * 3600 * 1000;
/** The write that it follows has succeeded, and waits no longer for it. */
const PATIENCE_MS = 5000;

/** Sees to it that parts do not stay for ever, invisible and paid for, when a process dies in an upload or cannot reach the service to give it up. */
export class UploadSweep {
  readonly #place: Place;
  #dueAtMs = Number.NEGATIVE_INFINITY;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Sweeps, once a day at most. Never fails: it is not what the caller has asked for, and another time will do. */
  async ifDue(signal: AbortSignal | undefined): Promise<void> {
    const now = performance.now();
    if (now < this.#dueAtMs) return;
    this.#dueAtMs = now + ABANDONED_MS;
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const either = signal === undefined ? patience : AbortSignal.any([signal, patience]);
    const sweep = async (): Promise<void> => sweepUploads(this.#place, new Date((await this.#place.connection.serviceTimeMs()) - ABANDONED_MS), either);
    await sweep().catch(() => {});
  }
}

/**
 * Removes unfinished uploads of files of this replica to which nothing was added since a moment. One that goes on is somebody's, however long ago it
 * began, and what is no file of the replica is not ours to remove.
 */
export async function sweepUploads(place: Place, since: Date, signal: AbortSignal): Promise<void> {
  for await (const { Key: key, UploadId: id, Initiated: begun } of unfinishedUploads(place, signal)) {
    if (key === undefined || id === undefined || begun === undefined || begun >= since || !isOurs(place, key)) continue;
    if (!(await hasPartSince(place, key, id, since, signal))) await removeUpload(place, key, id, signal);
  }
}

function isOurs({ settings }: Place, key: string): boolean {
  return ALL_LEVELS.some((level) => settings.layout.parse(level, key) !== undefined);
}

async function* unfinishedUploads({ connection, settings }: Place, signal: AbortSignal): AsyncGenerator<MultipartUpload, void, undefined> {
  const { bucket } = settings;
  const prefix = settings.layout.root;
  const what = `list the uploads of s3://${bucket}/${prefix}`;
  let page: ListMultipartUploadsCommandOutput | undefined;
  do {
    const { NextKeyMarker: key, NextUploadIdMarker: id }: Partial<ListMultipartUploadsCommandOutput> = page ?? {};
    const input = { Bucket: bucket, Prefix: prefix, ...(key === undefined ? {} : { KeyMarker: key, ...(id === undefined ? {} : { UploadIdMarker: id }) }) };
    page = await connection.once({ what, signal }, (client, call) => client.send(new ListMultipartUploadsCommand(input), call));
    yield* page.Uploads ?? [];
    if (page.NextKeyMarker === key && page.NextUploadIdMarker === id) return;
  } while (page.IsTruncated === true);
}

async function hasPartSince(place: Place, key: string, id: string, since: Date, signal: AbortSignal): Promise<boolean> {
  const { connection, settings } = place;
  const what = `list the parts of ${label(place, key)}`;
  let marker: string | undefined;
  for (;;) {
    const input = {
      Bucket: settings.bucket,
      Key: key,
      UploadId: id,
      ...settings.encryption.forRead,
      ...(marker === undefined ? {} : { PartNumberMarker: marker }),
    };
    const page = await connection.once({ what, signal }, (client, call) => client.send(new ListPartsCommand(input), call));
    if ((page.Parts ?? []).some(({ LastModified: time }) => time === undefined || time >= since)) return true;
    const next = page.NextPartNumberMarker;
    if (page.IsTruncated !== true || next === undefined || next === marker) return page.IsTruncated === true;
    marker = next;
  }
}
