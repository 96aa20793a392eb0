import { isLSError, LSError, type LSErrorCode } from "@ls/core/backend-kit";

/** What the SDK's errors have, as far as they have it. */
interface Failure {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** The SDK has found this machine's clock to be wrong, and signs by the service's from now on. */
  readonly isClockCorrected: boolean;
}

const DENIED = new Set([
  "AccessDenied",
  "AllAccessDisabled",
  "AccountProblem",
  "InvalidAccessKeyId",
  "InvalidToken",
  "SignatureDoesNotMatch",
  "RequestTimeTooSkewed",
  "CredentialsProviderError",
  "XAdminUserNotFound",
  "InvalidClientTokenId",
  "TokenRefreshRequired",
  "NotSignedUp",
]);
/** Denied now, and not with the next credentials. */
const EXPIRED = new Set(["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"]);
const FULL = new Set(["QuotaExceeded", "XMinioStorageFull", "StorageFull", "InsufficientStorage"]);
const RETRYABLE = new Set([
  "RequestTimeout",
  "RequestCanceled",
  "RequestTimeoutException",
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "InternalError",
  "ServiceUnavailable",
  "Busy",
  "BadDigest",
  "IncompleteBody",
  "OperationAborted",
  "ConditionalRequestConflict",
  "TimeoutError",
]);
const RETRYABLE_STATUS = new Set([408, 409, 425, 429, 500, 502, 503, 504]);
/** TLS refusals do not pass by themselves. */
const UNTRUSTED = /^(?:UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_|ERR_TLS_|ERR_SSL_)/;

/** Whether the service said that an object of that name is not there. A bare 404 is not that: buckets and users are missing likewise. */
export function isMissingObject(error: unknown): boolean {
  const { name, code } = failureOf(error);
  return name === "NoSuchKey" || code === "NoSuchKey" || name === "NotFound";
}

/** Whether a condition of the request did not hold. */
export function isPreconditionFailed(error: unknown): boolean {
  const { name, status } = failureOf(error);
  return status === 412 || name === "PreconditionFailed";
}

/** Whether the service does not know that operation or header. */
export function isNotImplemented(error: unknown): boolean {
  const { name, status } = failureOf(error);
  return status === 501 || name === "NotImplemented";
}

/** Whether an offset lies at or beyond the end of the object. */
export function isBeyondEnd(error: unknown): boolean {
  const { name, status } = failureOf(error);
  return status === 416 || name === "InvalidRange";
}

/** Whether an upload of parts is gone. */
export function isMissingUpload(error: unknown): boolean {
  return failureOf(error).name === "NoSuchUpload";
}

/** The region that the bucket is in, where the service says that it is another than the one that was asked. */
export function regionToldBy(error: unknown): string | undefined {
  const { status, headers } = failureOf(error);
  return status === 301 || status === 307 || status === 400 ? headers["x-amz-bucket-region"] : undefined;
}

/**
 * The {@link LSError} for a failed request. The SDK's error itself does not go along: it refers to requests and answers, which hold signatures and
 * encryption keys.
 * @param what was being done, such as "write s3://bucket/key".
 */
export function storageError(error: unknown, what: string): LSError {
  if (isLSError(error)) return error;
  const failure = failureOf(error);
  const { code, retryable, hint } = classified(failure);
  const { name, status, requestId, headers } = failure;
  const retryAfterMs = retryAfter(headers["retry-after"]);
  const reason = [name === "Error" ? failure.code : name, status, failure.message].filter((part) => part !== undefined && part !== "").join(" ");
  return new LSError(code, `cannot ${what}: ${reason}${hint}`, {
    cause: summary(error, failure),
    retryable,
    details: {
      serviceCode: failure.code ?? name,
      ...(status === undefined ? {} : { status }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
}

function classified(failure: Failure): { code: LSErrorCode; retryable: boolean; hint: string } {
  const { name, code, status, isClockCorrected } = failure;
  const is = (set: ReadonlySet<string>): boolean => set.has(name) || (code !== undefined && set.has(code));
  if (is(EXPIRED) || (isClockCorrected && status === 403)) return { code: "LS_STORAGE_DENIED", retryable: true, hint: "" };
  if (is(RETRYABLE)) return { code: "LS_STORAGE_UNAVAILABLE", retryable: true, hint: "" };
  if (is(DENIED) || status === 401 || status === 403) {
    return { code: "LS_STORAGE_DENIED", retryable: false, hint: name === "RequestTimeTooSkewed" ? " (the clock of this machine is wrong)" : "" };
  }
  if (is(FULL) || status === 507) return { code: "LS_DISK_FULL", retryable: true, hint: "" };
  if (UNTRUSTED.test(code ?? "")) {
    return {
      code: "LS_STORAGE_UNAVAILABLE",
      retryable: false,
      hint: "; the certificate is not trusted: AWS_CA_BUNDLE, NODE_EXTRA_CA_CERTS or the option ca name others to trust",
    };
  }
  // Without a status nothing was answered: the network, or an answer that is none of S3's.
  return { code: "LS_STORAGE_UNAVAILABLE", retryable: status === undefined || status < 300 || RETRYABLE_STATUS.has(status), hint: "" };
}

function failureOf(error: unknown): Failure {
  const record: Record<string, unknown> = typeof error === "object" && error !== null ? { ...error } : {};
  const metadata = fields(record.$metadata);
  // The SDK keeps the answer where a spread does not see it.
  const response = typeof error === "object" && error !== null && "$response" in error ? fields(error.$response) : {};
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields(response.headers))) headers[name.toLowerCase()] = String(value);
  const string = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
  const status = metadata.httpStatusCode ?? response.statusCode;
  return {
    name: error instanceof Error ? error.name : "Error",
    code: string(record.Code) ?? string(record.code),
    message: error instanceof Error ? error.message : String(error),
    status: typeof status === "number" ? status : undefined,
    requestId: string(metadata.requestId) ?? headers["x-amz-request-id"],
    headers,
    isClockCorrected: metadata.clockSkewCorrected === true,
  };
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** Name, message and stack of an error, and nothing else of it. */
function summary(error: unknown, { name, message, code }: Failure): Error {
  const plain = new Error(message);
  plain.name = name;
  if (error instanceof Error && error.stack !== undefined) plain.stack = error.stack;
  return Object.assign(plain, code === undefined ? {} : { code });
}

/** Retry-After: seconds, or a date. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
