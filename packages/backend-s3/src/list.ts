import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
import { isLSError, type ListOptions, LSError, type LTXFileInfo } from "@ls/core/backend-kit";
import { decodeLTXHeader, isLTXError, LTX_HEADER_SIZE } from "@ls/ltx";
import { label, type Place } from "./place.js";
import { readObject } from "./read.js";

/** Headers read together where the times have to be exact. */
const HEADER_READS = 32;

/**
 * The files of one level, a page at a time and no page before it is asked for. Starts at `seek`, so that what lies before costs nothing.
 */
export async function* listFiles(place: Place, level: number, options: ListOptions): AsyncGenerator<LTXFileInfo, void, undefined> {
  const { layout } = place.settings;
  const { seek = 0n, accurateTimestamps = false, signal } = options;
  const prefix = layout.levelPrefix(level);
  let last = "";
  for await (const objects of pages(place, prefix, seek > 0n ? layout.seekKey(level, seek) : undefined, signal)) {
    const files: LTXFileInfo[] = [];
    for (const { Key: key = "", Size: size, LastModified: modified } of objects) {
      const range = layout.parse(level, key);
      if (range === undefined || range.minTXID < seek) continue;
      // What is planned by these relies on their order, and a page cannot be put before one that is given away already.
      if (key <= last) throw new LSError("LS_STORAGE_UNAVAILABLE", `the service does not list ${label(place, prefix)} in order of keys`);
      if (size === undefined || modified === undefined)
        throw new LSError("LS_STORAGE_UNAVAILABLE", `the service lists ${label(place, key)} without size or time`);
      last = key;
      files.push({ level, ...range, size, createdAt: modified });
    }
    for (let at = 0; at < files.length; at += HEADER_READS) {
      const batch = files.slice(at, at + HEADER_READS);
      const given = accurateTimestamps ? await Promise.all(batch.map((file) => withHeaderTime(place, file, signal))) : batch;
      for (const file of given) {
        if (file === undefined) continue;
        signal?.throwIfAborted();
        yield file;
      }
    }
  }
}

/** Pages of keys under a prefix. */
export async function* pages(
  { connection, settings }: Place,
  prefix: string,
  startAfter: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<NonNullable<ListObjectsV2CommandOutput["Contents"]>, void, undefined> {
  const what = `list s3://${settings.bucket}/${prefix}`;
  let token: string | undefined;
  do {
    const input = {
      Bucket: settings.bucket,
      Prefix: prefix,
      MaxKeys: 1000,
      ...(token === undefined ? (startAfter === undefined ? {} : { StartAfter: startAfter }) : { ContinuationToken: token }),
    };
    const page = await connection.request({ what, signal }, (client, call) => client.send(new ListObjectsV2Command(input), call));
    yield page.Contents ?? [];
    const next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    if (page.IsTruncated === true && (next === undefined || next === token))
      throw new LSError("LS_STORAGE_UNAVAILABLE", `cannot ${what}: the service does not say where the list goes on`);
    token = next;
  } while (token !== undefined);
}

/**
 * The time from the file's header. The listing's is that of the upload, which says nothing after a copy; metadata get lost in one, the header does
 * not, and takes one request likewise. Undefined for a file that is gone; a file that is too damaged to have a time keeps the listing's.
 */
async function withHeaderTime(place: Place, file: LTXFileInfo, signal: AbortSignal | undefined): Promise<LTXFileInfo | undefined> {
  const header = new Uint8Array(LTX_HEADER_SIZE);
  let length = 0;
  try {
    for await (const chunk of readObject(place, file, { size: LTX_HEADER_SIZE, signal })) {
      header.set(chunk, length);
      length += chunk.length;
    }
    return { ...file, createdAt: new Date(decodeLTXHeader(header.subarray(0, length)).timestampMs) };
  } catch (error) {
    if (isLSError(error, "LS_LTX_FILE_NOT_FOUND")) return undefined;
    if (isLTXError(error)) return file;
    throw error;
  }
}
