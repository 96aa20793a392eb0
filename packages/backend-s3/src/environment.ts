/** Everything that this package reads from the environment. What the SDK's own credential chain reads comes in addition. */
export interface S3Environment {
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  /** Upstream's names, which count where the SDK's are not set at all. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** File with certificates to trust besides Node's own. */
  readonly caBundle: string | undefined;
  /** Such a file that Node reads itself, unless it is given others. */
  readonly extraCACerts: string | undefined;
}

export function readEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): S3Environment {
  const set = (...names: readonly string[]): string | undefined => names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
  const accessKeyId = set("LITESTREAM_ACCESS_KEY_ID");
  const secretAccessKey = set("LITESTREAM_SECRET_ACCESS_KEY");
  const hasAwsKeys = env.AWS_ACCESS_KEY_ID !== undefined || env.AWS_SECRET_ACCESS_KEY !== undefined;
  return {
    endpoint: set("LITESTREAM_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    region: set("AWS_REGION", "AWS_DEFAULT_REGION"),
    credentials: hasAwsKeys || accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey },
    caBundle: set("AWS_CA_BUNDLE"),
    extraCACerts: set("NODE_EXTRA_CA_CERTS"),
  };
}
