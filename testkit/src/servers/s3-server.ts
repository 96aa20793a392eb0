import type { ServerProcess } from "./server-process.js";

/** A running S3 server with one empty bucket. */
export interface S3Server extends AsyncDisposable {
  /** `"versitygw"`, … */
  readonly name: string;
  /** `http://127.0.0.1:PORT`, or `https://…` with {@link S3ServerOptions.certificates}. */
  readonly endpoint: string;
  readonly port: number;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /**
   * Where objects lie as files under their keys (`<directory>/<key>`), to be looked at or damaged; `undefined` where the
   * server keeps them otherwise.
   */
  readonly directory: string | undefined;
  readonly pid: number;
  /** SIGTERM by pid, waits for the end, removes the data. */
  stop(): Promise<void>;
}

export interface S3ServerOptions {
  /** Default `"lsb"`. */
  readonly bucket?: string;
  /** Speak TLS with these (versitygw only). */
  readonly certificates?: { readonly certificate: string; readonly key: string };
  /** Domain below which buckets are hosts, such as `"localhost"`; versitygw then knows no other address style for it. */
  readonly virtualDomain?: string;
}

export const ACCESS_KEY_ID = "AKTESTKIT";
export const SECRET_ACCESS_KEY = "secret-of-the-testkit";
export const REGION = "us-east-1";
export const BUCKET = "lsb";

/** What all providers tell about a running server. */
export function s3Server(name: string, server: ServerProcess, bucket: string, scheme: "http" | "https", directory: string | undefined): S3Server {
  return {
    name,
    endpoint: `${scheme}://127.0.0.1:${server.port}`,
    port: server.port,
    bucket,
    region: REGION,
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET_ACCESS_KEY,
    directory,
    pid: server.pid,
    stop: () => server.stop(),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
