import { type Random, WORKLOADS, type WorkloadName } from "@ls/testkit";

/** One database of a campaign: what it looks like and how it is written. */
export interface DatabasePlan {
  readonly name: string;
  readonly pageSize: number;
  readonly workload: WorkloadName;
  readonly seed: number;
  /** How many states are kept as models, each at its own TXID. */
  readonly cuts: number;
  /** Most steps between two cuts. */
  readonly maxSteps: number;
  /** Whether the application checkpoints, by itself and by command. Upstream loses pages where it does. */
  readonly applicationCheckpoints: boolean;
  /** Small values make the replicator checkpoint often. */
  readonly minCheckpointPages: number;
}

export const PAGE_SIZES: readonly number[] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/** Plans in which every page size and every workload occurs, in pairs that differ from seed to seed. */
export function planDatabases(random: Random, count: number, cuts: number, applicationCheckpoints: boolean): DatabasePlan[] {
  // `as`: the keys of a constant object.
  const workloads = Object.keys(WORKLOADS) as WorkloadName[];
  const shift = random.int(0, PAGE_SIZES.length - 1);
  return Array.from({ length: count }, (_, i) => {
    const pageSize = PAGE_SIZES[(i + Math.floor(i / PAGE_SIZES.length) * 3 + shift) % PAGE_SIZES.length] ?? 4096;
    const workload = workloads[i % workloads.length] ?? "mixed";
    return {
      name: `${String(i).padStart(2, "0")}-${workload}-${pageSize}`,
      pageSize,
      workload,
      seed: random.uint32(),
      cuts,
      maxSteps: 6,
      applicationCheckpoints,
      minCheckpointPages: random.pick([10, 100, 1000]),
    };
  });
}
