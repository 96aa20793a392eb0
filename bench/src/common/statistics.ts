/** The value below which the share `q` (0 to 1) of the sorted samples lies: nearest rank. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) throw new RangeError("quantile of no samples");
  if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile ${q} is not between 0 and 1`);
  const rank = Math.max(0, Math.ceil(q * sorted.length) - 1);
  return sorted[rank] ?? Number.NaN;
}

/** Middle value; of an even number of samples the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new RangeError("median of no samples");
  const sorted = [...samples].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[(sorted.length >> 1) - 1] ?? Number.NaN) + upper) / 2;
}

export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Quantiles of samples in any order; sorts the array in place. */
export function latencies(samples: Float64Array): Latencies {
  samples.sort();
  return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99), p999: quantile(samples, 0.999), max: quantile(samples, 1) };
}

/** Median of each field over several rounds. */
export function medianOf<K extends string>(rounds: readonly Readonly<Record<K, number>>[], fields: readonly K[]): Record<K, number> {
  // `as`: every key of K is in `fields`.
  return Object.fromEntries(fields.map((field) => [field, median(rounds.map((round) => round[field]))])) as Record<K, number>;
}
