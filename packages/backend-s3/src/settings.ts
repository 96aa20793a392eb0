import { hexLayout, type KeyLayout, LSError, rejectUnknownOptions } from "@ls/core/backend-kit";
import { Encryption } from "./encryption.js";
import { type Endpoint, parseEndpoint } from "./endpoint.js";
import type { S3Environment } from "./environment.js";
import type { S3Credentials, S3Options } from "./options.js";
import { type Provider, providerOf } from "./providers.js";

const MIB = 1024 * 1024;
/** S3 takes no smaller part, but the last. */
const MIN_PART_BYTES = 5 * MIB;
const MAX_PART_BYTES = 5 * 1024 * MIB;
const MAX_TIMEOUT_MS = 24 * 3600 * 1000;
const ARN = /^arn:[^:]+:s3[^:]*:([^:]*):[^:]*:accesspoint[/:].+/i;

/** Options, checked and completed. */
export interface Settings {
  readonly bucket: string;
  readonly layout: KeyLayout;
  /** Canonical URL of the place, without anything secret. */
  readonly destination: string;
  readonly endpoint: Endpoint | undefined;
  readonly provider: Provider;
  /** Where to ask first. */
  readonly region: string;
  /** Whether the bucket may say that it is elsewhere. */
  readonly learnsRegion: boolean;
  readonly forcePathStyle: boolean;
  readonly credentials: S3Credentials | (() => Promise<S3Credentials>) | undefined;
  readonly signPayload: boolean;
  readonly contentMD5: boolean;
  readonly skipVerify: boolean;
  readonly ca: string | undefined;
  readonly caFiles: readonly string[];
  readonly storageClass: string | undefined;
  readonly partSizeBytes: number;
  readonly concurrency: number;
  readonly encryption: Encryption;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly client: S3Options["client"];
}

/** Every option there is; the type sees to it that none is forgotten. */
const KNOWN: Readonly<Record<keyof S3Options, true>> = {
  bucket: true,
  path: true,
  region: true,
  endpoint: true,
  forcePathStyle: true,
  accessKeyId: true,
  secretAccessKey: true,
  sessionToken: true,
  credentials: true,
  signPayload: true,
  requireContentMD5: true,
  skipVerify: true,
  ca: true,
  storageClass: true,
  partSizeBytes: true,
  concurrency: true,
  sseCustomerAlgorithm: true,
  sseCustomerKey: true,
  sseCustomerKeyMD5: true,
  sseCustomerKeyPath: true,
  sseKmsKeyId: true,
  connectTimeoutMs: true,
  idleTimeoutMs: true,
  requestTimeoutMs: true,
  client: true,
};

/** What an injected client has decided already. */
const OF_THE_CLIENT = [
  "region",
  "endpoint",
  "forcePathStyle",
  "accessKeyId",
  "secretAccessKey",
  "sessionToken",
  "credentials",
  "signPayload",
  "requireContentMD5",
  "skipVerify",
  "ca",
  "connectTimeoutMs",
  "idleTimeoutMs",
] as const satisfies readonly (keyof S3Options)[];

/**
 * Options over what the service wants over the environment.
 * @throws LSError `LS_INVALID_OPTION`.
 */
export function checkedSettings(options: S3Options, environment: S3Environment): Settings {
  rejectUnknownOptions("S3ReplicaClient", options, Object.keys(KNOWN));
  const { client } = options;
  for (const name of OF_THE_CLIENT)
    if (client !== undefined && options[name] !== undefined) throw invalid(name, `${name} is decided by the client that is given`);
  const bucket = text("bucket", options.bucket);
  const path = checkedPath(options.path);
  const arn = ARN.exec(bucket);
  if (/^arn:/i.test(bucket) && arn === null) throw invalid("bucket", "bucket is not the ARN of an S3 access point");
  if (arn === null && /[\s/\\?#]/.test(bucket)) throw invalid("bucket", "bucket must be the name of a bucket, without a path");
  const named = options.endpoint ?? (arn === null && client === undefined ? environment.endpoint : undefined);
  const endpoint = named === undefined ? undefined : parseEndpoint(text("endpoint", named));
  const provider = providerOf(endpoint?.hostname);
  const forcePathStyle = options.forcePathStyle ?? (provider.needsPathStyle || endpoint !== undefined);
  if (arn !== null && forcePathStyle) throw invalid("forcePathStyle", "an access point is never addressed by path");
  return {
    bucket,
    layout: hexLayout(path),
    destination: `s3://${bucket}/${encodeURI(path)}${endpoint === undefined ? "" : `?endpoint=${endpoint.url}`}`,
    endpoint,
    provider,
    region: options.region ?? (arn?.[1] || undefined) ?? provider.region ?? environment.region ?? "us-east-1",
    learnsRegion: endpoint === undefined && options.region === undefined && arn === null,
    forcePathStyle,
    credentials: checkedCredentials(options) ?? environment.credentials,
    signPayload: options.signPayload ?? true,
    contentMD5: options.requireContentMD5 ?? provider.contentMD5,
    skipVerify: options.skipVerify ?? false,
    ca: options.ca,
    caFiles: caFilesOf(options, environment),
    storageClass: options.storageClass,
    partSizeBytes: whole("partSizeBytes", options.partSizeBytes, MIN_PART_BYTES, MIN_PART_BYTES, MAX_PART_BYTES),
    concurrency: whole("concurrency", options.concurrency, provider.concurrency, 1, 64),
    encryption: new Encryption(options, endpoint ?? { isEncrypted: true, isLocal: false }),
    connectTimeoutMs: whole("connectTimeoutMs", options.connectTimeoutMs, 10_000, 1, MAX_TIMEOUT_MS),
    idleTimeoutMs: whole("idleTimeoutMs", options.idleTimeoutMs, 30_000, 1, MAX_TIMEOUT_MS),
    requestTimeoutMs: whole("requestTimeoutMs", options.requestTimeoutMs, 120_000, 1, MAX_TIMEOUT_MS),
    client,
  };
}

function checkedCredentials(options: S3Options): Settings["credentials"] {
  const { accessKeyId, secretAccessKey, sessionToken, credentials } = options;
  if (credentials !== undefined) {
    if (accessKeyId !== undefined || secretAccessKey !== undefined || sessionToken !== undefined)
      throw invalid("credentials", "credentials and accessKeyId, secretAccessKey, sessionToken exclude each other");
    return credentials;
  }
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined) return undefined;
  if (!accessKeyId || !secretAccessKey) throw invalid("accessKeyId", "accessKeyId and secretAccessKey go together");
  return { accessKeyId, secretAccessKey, sessionToken };
}

/** Node's own choice stays where nothing is added to it. */
function caFilesOf({ ca }: S3Options, { caBundle, extraCACerts }: S3Environment): string[] {
  if (ca === undefined && caBundle === undefined) return [];
  return [caBundle, extraCACerts].filter((path) => path !== undefined);
}

function checkedPath(path = ""): string {
  if (typeof path !== "string") throw invalid("path", "path must be text");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML listings cannot carry them.
  if (/[\u0000-\u001f]/.test(path)) throw invalid("path", "path must not hold control characters");
  if (path.startsWith("/") || path.endsWith("/")) throw invalid("path", "path must not begin or end with a slash");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) throw invalid("path", "path looks like a URL; use fromURL");
  return path;
}

function text(name: keyof S3Options, value: string): string {
  if (typeof value !== "string" || value === "") throw invalid(name, `${name} must name something`);
  return value;
}

function whole(name: keyof S3Options, value: number | undefined, defaultValue: number, min: number, max: number): number {
  if (value === undefined) return defaultValue;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(name, `${name} must be a whole number from ${min} to ${max}, not ${String(value)}`);
}

function invalid(option: string, message: string): LSError {
  return new LSError("LS_INVALID_OPTION", message, { details: { option } });
}
