/** The metadata key under which upstream keeps an LTX file's time where names may hold a hyphen (S3, OSS, GCS). */
export const TIMESTAMP_METADATA_KEY: string = "litestream-timestamp";

/** RFC 3339 with any zone; groups: date and time, fraction, zone. */
const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i;

/**
 * A time as upstream writes it into metadata: RFC 3339 in UTC, the fraction without trailing zeros, and without a dot when it is zero.
 * @param ms since the epoch, whole.
 */
export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0*Z$/, "Z");
}

/** Ms since the epoch of an RFC 3339 text; undefined for any other. Digits below a millisecond are cut off, as the LTX header has none. */
export function parseTimestamp(text: string): number | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, seconds = "", fraction = "", zone = ""] = match;
  const ms = Date.parse(`${seconds.toUpperCase()}.${fraction.slice(0, 3).padEnd(3, "0")}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}
