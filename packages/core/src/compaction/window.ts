/** Ms from the first instant of year 1 to 1970. Go's `Time.Truncate` counts from there, which matters for intervals that do not divide a day. */
const YEAR_ONE_TO_EPOCH_MS = 62_135_596_800_000;

/** The window boundary at or before a moment. Time of day and daylight saving have no part in it: both numbers are ms. */
export function windowStart(timeMs: number, intervalMs: number): number {
  const sinceYearOne = timeMs + YEAR_ONE_TO_EPOCH_MS;
  return timeMs - (((sinceYearOne % intervalMs) + intervalMs) % intervalMs);
}

/** The first window boundary after a moment. */
export function windowEnd(timeMs: number, intervalMs: number): number {
  return windowStart(timeMs, intervalMs) + intervalMs;
}

/**
 * A moment that an age can be counted from. A file from the future (the clock went back, or another host's is ahead) would otherwise have no age
 * for as long as the clock needs to catch up; then `seenMs` counts, when this process first relied on the file.
 * @param seenMs not after `nowMs`.
 */
export function agedFrom(createdAt: Date, seenMs: number, nowMs: number): number {
  const time = createdAt.getTime();
  return time <= nowMs ? time : seenMs;
}
