/** Level of the raw files: one per cut. */
export const L0_LEVEL = 0;
/** Level of snapshots: files that start at TXID 1 and hold the whole database. */
export const SNAPSHOT_LEVEL = 9;
/** Every level a destination can have, lowest first. */
export const ALL_LEVELS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
