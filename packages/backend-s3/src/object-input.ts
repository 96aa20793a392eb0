import { formatTimestamp, TIMESTAMP_METADATA_KEY } from "@ls/core/backend-kit";
import type { WriteEncryptionInput } from "./encryption.js";
import type { Place } from "./place.js";

/** S3 takes no more parts. */
export const MAX_PARTS: number = 10_000;

/** What is set on every object, however it is uploaded. */
export interface ObjectInput extends WriteEncryptionInput {
  readonly Bucket: string;
  readonly Key: string;
  readonly Metadata: Record<string, string>;
}

export function objectInput({ settings }: Place, key: string, timestampMs: number): ObjectInput {
  return {
    Bucket: settings.bucket,
    Key: key,
    Metadata: { [TIMESTAMP_METADATA_KEY]: formatTimestamp(timestampMs) },
    ...(settings.storageClass === undefined ? {} : { StorageClass: settings.storageClass }),
    ...settings.encryption.forWrite,
  };
}
