/** What the host of an `s3://` URL says. */
export interface HostPlace {
  /** Empty where the host names a service only. */
  readonly bucket: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly forcePathStyle?: boolean;
}

const AWS = /^(.+?)\.s3(?:[.-](?:dualstack\.)?([a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?$/i;
const REGION = "([a-z0-9-]+)";
/** Services whose host may stand in the URL, with the bucket as its first labels. */
const SERVICES: readonly { readonly pattern: RegExp; readonly forcePathStyle: boolean }[] = [
  { pattern: new RegExp(`^(?:(.+)\\.)?(${REGION}\\.digitaloceanspaces\\.com)$`, "i"), forcePathStyle: false },
  { pattern: new RegExp(`^(?:(.+)\\.)?(s3\\.${REGION}\\.backblazeb2\\.com)$`, "i"), forcePathStyle: true },
  { pattern: /^(?:(.+)\.)?(s3\.filebase\.com)$/i, forcePathStyle: true },
  { pattern: new RegExp(`^(?:(.+)\\.)?(s3\\.${REGION}\\.scw\\.cloud)$`, "i"), forcePathStyle: false },
];
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/** Reads the host forms that upstream knows; any other host is the bucket. */
export function placeFromHost(host: string): HostPlace {
  const [, hostname = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host) ?? [];
  const suffix = port === undefined ? "" : `:${port}`;
  const aws = AWS.exec(hostname);
  if (aws?.[1] !== undefined) return { bucket: aws[1], ...(aws[2] === undefined ? {} : { region: aws[2] }), forcePathStyle: false };
  for (const { pattern, forcePathStyle } of SERVICES) {
    const match = pattern.exec(hostname);
    if (match === null) continue;
    const [, bucket = "", service = "", region] = match;
    return { bucket, ...(region === undefined ? {} : { region }), endpoint: `https://${service}${suffix}`, forcePathStyle };
  }
  if (port === undefined) return { bucket: hostname };
  // `bucket.service:port`, or a service alone, at a port: a server of one's own, which upstream takes to speak plain http.
  const dot = hostname.indexOf(".");
  const isBucketFirst = dot > 0 && !IPV4.test(hostname) && !hostname.startsWith("[");
  const [bucket, service] = isBucketFirst ? [hostname.slice(0, dot), hostname.slice(dot + 1)] : ["", hostname];
  return { bucket, region: "us-east-1", endpoint: `http://${service}${suffix}`, forcePathStyle: true };
}
