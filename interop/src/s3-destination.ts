import type { S3Server } from "@ls/testkit";
import type { Destination } from "./destination.js";

/** Preload that makes names below `.test` this machine. */
export const LOOPBACK_NAMES: string = new URL("../programs/loopback-names.mjs", import.meta.url).href;

export interface S3DestinationOptions {
  /** What the keys start with, before the database's name. Default none. */
  readonly prefix?: string;
  /** Another way to the server, such as a proxy's. */
  readonly endpoint?: string;
  /** The bucket as a part of the host: `endpoint` is then an invented host below `.test`, and upstream goes through this forward proxy. */
  readonly virtualHost?: { readonly proxy: string };
  /** File with the certificate authority to trust. */
  readonly caPath?: string;
}

/** Replicas in the bucket of a server of the testkit, by one URL for both sides. */
export function s3Destination(server: S3Server, options: S3DestinationOptions = {}): Destination {
  const parameters = new URLSearchParams({
    endpoint: options.endpoint ?? server.endpoint,
    region: server.region,
    forcePathStyle: String(options.virtualHost === undefined),
  });
  const { caPath, virtualHost } = options;
  return {
    place: (name) => `s3://${server.bucket}/${options.prefix === undefined ? "" : `${options.prefix}/`}${name}?${parameters}`,
    // Upstream takes an endpoint with a port for MinIO and keeps the bucket in the path; through a proxy the port does not matter.
    forUpstream: (place) => (virtualHost === undefined ? place : place.replace(/(endpoint=[^&]*)%3A\d+/, "$1")),
    ourEnv: {
      AWS_ACCESS_KEY_ID: server.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
      ...(caPath === undefined ? {} : { AWS_CA_BUNDLE: caPath }),
      ...(virtualHost === undefined ? {} : { NODE_OPTIONS: `--import=${LOOPBACK_NAMES}` }),
    },
    // Upstream's S3 client does not start with AWS_CA_BUNDLE (0.5.17), but Go's own variables replace the machine's authorities.
    upstreamEnv: {
      LITESTREAM_ACCESS_KEY_ID: server.accessKeyId,
      LITESTREAM_SECRET_ACCESS_KEY: server.secretAccessKey,
      ...(caPath === undefined ? {} : { SSL_CERT_FILE: caPath, SSL_CERT_DIR: "" }),
      ...(virtualHost === undefined ? {} : { HTTP_PROXY: virtualHost.proxy }),
    },
  };
}
