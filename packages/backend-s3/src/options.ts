import type { S3Client } from "@aws-sdk/client-s3";

/** An access key. */
export interface S3Credentials {
  /** Its public half. */
  readonly accessKeyId: string;
  /** Its secret half. */
  readonly secretAccessKey: string;
  /** What belongs to a temporary key. Default: none. */
  readonly sessionToken?: string | undefined;
  /** When to ask the provider function again. Default: never. */
  readonly expiration?: Date | undefined;
}

/** Where a replica lies in S3 or a compatible service, and how it is reached. */
export interface S3Options {
  /** Name of the bucket, or ARN of an access point. */
  readonly bucket: string;
  /** What the keys start with, without slashes at its ends. Default empty: keys then start with a slash, as upstream's do. */
  readonly path?: string | undefined;
  /** Where the bucket is. Default: as the service's host says, `AWS_REGION`, or learned from the bucket. */
  readonly region?: string | undefined;
  /** Another service than Amazon's: URL or host. Default: `LITESTREAM_S3_ENDPOINT`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`. */
  readonly endpoint?: string | undefined;
  /** Whether the bucket stands in the path instead of the host. Default: true with an endpoint. */
  readonly forcePathStyle?: boolean | undefined;
  /** Key to sign with, together with `secretAccessKey`. Default: see `credentials`. */
  readonly accessKeyId?: string | undefined;
  /** Its secret half. Default: see `credentials`. */
  readonly secretAccessKey?: string | undefined;
  /** What belongs to a temporary key. Default: none. */
  readonly sessionToken?: string | undefined;
  /** Keys that change: asked for when needed, and again when they expire. Default: `LITESTREAM_*` keys where set, else the SDK's chain. */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials>) | undefined;
  /** Sign what is sent, not only the headers. Default true. */
  readonly signPayload?: boolean | undefined;
  /** Send Content-MD5 with bulk deletes. Default true, false for Tigris. */
  readonly requireContentMD5?: boolean | undefined;
  /** Accept any TLS certificate. Default false. */
  readonly skipVerify?: boolean | undefined;
  /** Certificates in PEM to trust besides the usual ones. `AWS_CA_BUNDLE` and `NODE_EXTRA_CA_CERTS` name files of such. Default: none. */
  readonly ca?: string | undefined;
  /** Storage class of everything written. Default: the bucket's. */
  readonly storageClass?: string | undefined;
  /** Bytes of each part of a large upload, 5 MiB to 5 GiB. Default 5 MiB. */
  readonly partSizeBytes?: number | undefined;
  /** Parts uploaded at a time, 1 to 64; each holds its bytes in memory. Default 5, 2 for R2. */
  readonly concurrency?: number | undefined;
  /** Encrypt with a key that the service does not keep: `"AES256"`. Default: not. */
  readonly sseCustomerAlgorithm?: string | undefined;
  /** That key: 32 bytes in base64. Default: none. */
  readonly sseCustomerKey?: string | undefined;
  /** MD5 of that key in base64; only checked. Default: computed. */
  readonly sseCustomerKeyMD5?: string | undefined;
  /** File with that key in base64. Default: none. */
  readonly sseCustomerKeyPath?: string | undefined;
  /** Encrypt what is written with this KMS key. Default: as the bucket says. */
  readonly sseKmsKeyId?: string | undefined;
  /** Longest time to connect, 1 ms to one day. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Longest time in which nothing moves, 1 ms to one day. Default 30,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** Longest time for a request, or for the next MiB of a large one: 1 ms to one day. Default 120,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** A client of `@aws-sdk/client-s3` to use as it is. It stays the caller's to destroy; what it decides cannot be an option too. Default: one of its own. */
  readonly client?: S3Client | undefined;
}
