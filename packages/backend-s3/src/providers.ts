/** A service whose ways differ from Amazon's. */
export type ProviderName =
  | "aws"
  | "hetzner"
  | "tigris"
  | "digitalocean"
  | "backblaze"
  | "filebase"
  | "scaleway"
  | "r2"
  | "supabase"
  | "wasabi"
  | "gcs"
  | "other";

/** What a service needs that others do not, where the options say nothing. */
export interface Provider {
  readonly name: ProviderName;
  /** Send Content-MD5 with bulk deletes. */
  readonly contentMD5: boolean;
  /** Parts uploaded at a time. */
  readonly concurrency: number;
  /** Headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Something on the way rewrites Accept-Encoding, so it must not be signed. */
  readonly dropsAcceptEncoding: boolean;
  /** Buckets are addressed by path even where the bucket stood in the host name. */
  readonly needsPathStyle: boolean;
  /** The region that its endpoint is in, or that it wants to hear. */
  readonly region: string | undefined;
}

/** Suffixes of host names; what stands before them is a label of its own. */
const SUFFIXES: readonly (readonly [suffix: string, name: ProviderName])[] = [
  ["amazonaws.com", "aws"],
  ["amazonaws.com.cn", "aws"],
  ["your-objectstorage.com", "hetzner"],
  ["digitaloceanspaces.com", "digitalocean"],
  ["backblazeb2.com", "backblaze"],
  ["scw.cloud", "scaleway"],
  ["r2.cloudflarestorage.com", "r2"],
  ["supabase.co", "supabase"],
  ["wasabisys.com", "wasabi"],
];
const HOSTS: Readonly<Record<string, ProviderName>> = {
  "fly.storage.tigris.dev": "tigris",
  "t3.storage.dev": "tigris",
  "s3.filebase.com": "filebase",
};

/** Where these have their regions in the host name of an endpoint. */
const REGION_IN_HOST = /^(?:s3[.-])?([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|digitaloceanspaces\.com|backblazeb2\.com|scw\.cloud|wasabisys\.com)$/;

/**
 * The rules for an endpoint's host, by its labels: a name that merely ends in the same letters, or hides another host, is "other".
 * @param hostname lower case, without port; undefined = Amazon's own.
 */
export function providerOf(hostname: string | undefined): Provider {
  const name = hostname === undefined ? "aws" : nameOf(hostname);
  const region = hostname === undefined ? undefined : REGION_IN_HOST.exec(hostname)?.[1];
  return {
    name,
    contentMD5: name !== "tigris",
    concurrency: name === "r2" ? 2 : 5,
    headers: name === "tigris" ? { "X-Tigris-Consistent": "true" } : {},
    dropsAcceptEncoding: name === "gcs",
    needsPathStyle: name === "backblaze" || name === "filebase" || name === "supabase",
    region: region !== undefined && region !== "s3" ? region : name === "r2" || name === "tigris" ? "auto" : undefined,
  };
}

function nameOf(hostname: string): ProviderName {
  const exact = HOSTS[hostname];
  if (exact !== undefined) return exact;
  const bySuffix = SUFFIXES.find(([suffix]) => hostname.endsWith(`.${suffix}`));
  return bySuffix?.[1] ?? (isGoogle(hostname) ? "gcs" : "other");
}

/** `storage.googleapis.com` and its regional, private and upload forms, but not `bucket.storage.googleapis.com`. */
function isGoogle(hostname: string): boolean {
  const labels = hostname.split(".");
  if (labels.length < 3 || labels.includes("") || labels.at(-1) !== "com" || labels.at(-2) !== "googleapis") return false;
  const isStorage = (label: string | undefined): boolean => label?.split("-").includes("storage") ?? false;
  return isStorage(labels[0]) && !(labels.length > 3 && isStorage(labels[1]));
}
