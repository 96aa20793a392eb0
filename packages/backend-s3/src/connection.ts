import { createHash } from "node:crypto";
import { Agent } from "node:https";
import type { SecureContext } from "node:tls";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { LSError, retrying, StallWatch } from "@ls/core/backend-kit";
import { regionToldBy, storageError } from "./errors.js";
import type { Settings } from "./settings.js";
import { trustedCertificates } from "./trust.js";

/** Sockets to the service at a time. */
const MAX_SOCKETS = 64;
/** A request may take so long for each byte it sends: 8 KiB a second. */
const SLOWEST_BYTES_PER_MS = 8;

export interface RequestOptions {
  /** What is being done, for messages, such as "write s3://bucket/key". */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  /** Bytes that the request sends. Default 0. */
  readonly bytes?: number;
}

/** What a request gets: the SDK's client, and what to pass to its `send`. */
export type Send<T> = (client: S3Client, options: { readonly abortSignal: AbortSignal }, attempt: number) => Promise<T>;

/** The connection to the service: made at the first request, with the provider's rules, time limits and repetition of what may pass. */
export class Connection {
  readonly #settings: Settings;
  #client: Promise<S3Client> | undefined;
  #region: string;
  /** How often it was closed. */
  #closings = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#region = settings.region;
  }

  /** Reads key and certificate files. Memoised; repeated after a failure, and after {@link close}. */
  async open(): Promise<S3Client> {
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  /** Does one request, again while its failure may pass. @throws LSError, `LS_NOT_OPEN` when it was closed meanwhile; the signal's reason. */
  async request<T>(options: RequestOptions, send: Send<T>): Promise<T> {
    const closings = this.#closings;
    return retrying((attempt) => {
      // Its failure was that it was closed, and nobody would release what another attempt opens.
      if (closings !== this.#closings) throw new LSError("LS_NOT_OPEN", `cannot ${options.what}: the S3 client was closed`);
      return this.once(options, (client, call) => send(client, call, attempt));
    }, options.signal);
  }

  /** Does one request once. */
  async once<T>(
    { what, signal, bytes = 0 }: RequestOptions,
    send: (client: S3Client, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const client = await this.open();
    // Only a deadline: what idles is seen at the socket, which also knows about what is being sent.
    const limitMs = this.#settings.requestTimeoutMs + bytes / SLOWEST_BYTES_PER_MS;
    const watch = new StallWatch(signal, { idleMs: limitMs });
    try {
      return await send(client, { abortSignal: watch.signal });
    } catch (error) {
      if (watch.signal.aborted) throw watch.signal.reason;
      if (this.#learnRegion(error)) throw new LSError("LS_STORAGE_UNAVAILABLE", `cannot ${what}: the bucket is in ${this.#region}`, { retryable: true });
      throw storageError(error, what);
    } finally {
      watch.stop();
    }
  }

  /** The service's clock, ms since the epoch: ours, and what was learned of it by requests that were refused because ours is wrong. */
  async serviceTimeMs(): Promise<number> {
    return Date.now() + (await this.open()).config.systemClockOffset;
  }

  /** Releases the sockets; what comes after that opens others. */
  async close(): Promise<void> {
    this.#closings++;
    const client = this.#client;
    this.#client = undefined;
    if (this.#settings.client === undefined) (await client?.catch(() => undefined))?.destroy();
  }

  /** A bucket says where it is when it is asked in the wrong region; that needs no permission. */
  #learnRegion(error: unknown): boolean {
    const region = this.#settings.learnsRegion ? regionToldBy(error) : undefined;
    if (region === undefined || region === this.#region) return false;
    this.#region = region;
    return true;
  }

  async #connect(): Promise<S3Client> {
    const settings = this.#settings;
    await settings.encryption.load();
    if (settings.client !== undefined) return settings.client;
    const trusted = await trustedCertificates(settings.ca, settings.caFiles);
    const client = new S3Client({ ...clientConfig(settings, trusted), region: async () => this.#region });
    applyRules(client, settings);
    return client;
  }
}

function clientConfig(settings: Settings, trusted: SecureContext | undefined): S3ClientConfig {
  const { endpoint, credentials, forcePathStyle } = settings;
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS };
  return {
    forcePathStyle,
    // Repetition is ours: the SDK's budget does not fill up again while a service is away, and then even one that is back fails.
    maxAttempts: 1,
    // A round trip more for large bodies, which some services do not answer at all.
    expectContinueHeader: false,
    customUserAgent: "litestream-ts",
    requestHandler: {
      connectionTimeout: settings.connectTimeoutMs,
      socketTimeout: settings.idleTimeoutMs,
      httpAgent: agent,
      httpsAgent: new Agent({ ...agent, rejectUnauthorized: !settings.skipVerify, ...(trusted === undefined ? {} : { secureContext: trusted }) }),
    },
    ...(credentials === undefined ? {} : { credentials: credentialsFor(credentials) }),
    ...(endpoint === undefined
      ? {}
      : // Others do not know the checksums that Amazon has added.
        { endpoint: endpoint.url, requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED" }),
  };
}

function credentialsFor(credentials: NonNullable<Settings["credentials"]>): NonNullable<S3ClientConfig["credentials"]> {
  const plain = ({ accessKeyId, secretAccessKey, sessionToken, expiration }: Awaited<ReturnType<Extract<typeof credentials, () => unknown>>>) => ({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(expiration === undefined ? {} : { expiration }),
  });
  return typeof credentials === "function" ? async () => plain(await credentials()) : plain(credentials);
}

/** Last in the step before signing, so that what is changed here is what is signed. */
function applyRules(client: S3Client, { provider, signPayload, contentMD5 }: Settings): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (hasHeaders(request)) {
        Object.assign(request.headers, provider.headers);
        if (provider.dropsAcceptEncoding) drop(request.headers, /^accept-encoding$/i);
        if (!signPayload) request.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
        if (contentMD5 && "delete" in (request.query ?? {}) && (typeof request.body === "string" || request.body instanceof Uint8Array)) {
          request.headers["content-md5"] = createHash("md5").update(request.body).digest("base64");
          // One checksum is enough, and those that want this one do not know the others.
          drop(request.headers, /^x-amz-(?:checksum-|sdk-checksum)/i);
        }
      }
      return next(args);
    },
    { step: "build", priority: "low", name: "providerRules" },
  );
}

interface RequestWithHeaders {
  readonly headers: Record<string, string>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

function hasHeaders(request: unknown): request is RequestWithHeaders {
  return typeof request === "object" && request !== null && "headers" in request;
}

function drop(headers: Record<string, string>, names: RegExp): void {
  for (const name of Object.keys(headers)) if (names.test(name)) delete headers[name];
}
