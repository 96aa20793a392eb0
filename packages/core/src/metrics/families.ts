import type { DBPhase } from "../db/events.js";
import type { DBMetrics, LevelMetrics, StoreMetrics } from "./metrics.js";

/** One number with the labels that tell it from others of its family. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Numbers of one meaning. Seconds and bytes, as Prometheus has them. */
export interface Family<Of> {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  samples(of: Of): readonly Sample[];
}

const PHASES: Readonly<Record<DBPhase, true>> = {
  closed: true,
  opening: true,
  waiting: true,
  attaching: true,
  replicating: true,
  resting: true,
  retrying: true,
  paused: true,
  failed: true,
  closing: true,
};

/**
 * What is told of each database. Where Litestream has a metric of the same meaning, name and labels are its own
 * (upstream db.go and internal/internal.go), with `db` added to those of replica operations.
 */
export const DB_FAMILIES: readonly Family<DBMetrics>[] = [
  one("gauge", "litestream_txid", "The newest TXID on the local disk", (db) => db.localTXID),
  one("gauge", "litestream_replica_txid", "The newest TXID known to be durable at the destination", (db) => db.remoteTXID),
  one("gauge", "litestream_lag_seconds", "Age of the oldest commit that is not durable at the destination; absent while unknown", (db) => seconds(db.lagMs)),
  one("gauge", "litestream_wal_size", "The current size of the real WAL", (db) => db.walBytes),
  one("gauge", "litestream_staged_files", "Files on the local disk that the destination lacks", (db) => db.stagedFiles),
  one("gauge", "litestream_staged_bytes", "Bytes of files on the local disk that the destination lacks", (db) => db.stagedBytes),
  one("gauge", "litestream_disk_full", "Whether replication is paused because the local disk is full", (db) => Number(db.isDiskFull)),
  family("gauge", "litestream_phase", "1 for the phase that replication is in, 0 for the others", (db) =>
    Object.keys(PHASES).map((phase) => ({ labels: { phase }, value: Number(phase === db.phase) })),
  ),
  one("gauge", "litestream_phase_start_time_seconds", "When the phase began, seconds since the epoch", (db) => seconds(db.phaseSinceMs)),
  one("counter", "litestream_cuts_total", "Files cut from the WAL", (db) => db.counters.cuts),
  one("counter", "litestream_cut_bytes_total", "Bytes of files cut from the WAL", (db) => db.counters.cutBytes),
  one("counter", "litestream_uploads_total", "Cuts that became durable at the destination", (db) => db.counters.uploads),
  one("counter", "litestream_upload_bytes_total", "Bytes of cuts that became durable at the destination", (db) => db.counters.uploadBytes),
  family("counter", "litestream_errors_total", "Failures by the work that failed", (db) =>
    Object.entries(db.counters.errors).map(([work, value]) => ({ labels: { work }, value })),
  ),
  one("counter", "litestream_retries_total", "Failures after which the same is tried again by itself", (db) => db.counters.retries),
  family("counter", "litestream_checkpoint_count", "Number of checkpoint operations performed", (db) => [
    { labels: { mode: "PASSIVE" }, value: db.counters.checkpoints },
  ]),
  one("counter", "litestream_barriers_total", "Times writers were held while the WAL was folded into the database", (db) => db.counters.barriers),
  one("counter", "litestream_barrier_seconds_total", "How long writers were held", (db) => seconds(db.counters.barrierMs)),
  one("counter", "litestream_pauses_total", "Times cutting was paused: too many staged files, or a full disk", (db) => db.counters.pauses),
  one("counter", "litestream_discontinuities_total", "Times capture lost continuity while running", (db) => db.counters.discontinuities),
  family("gauge", "litestream_level_files", "Files at the destination, by level; 9 = snapshots", (db) => byLevel(db.levels, "files")),
  family("gauge", "litestream_level_bytes", "Bytes at the destination, by level; 9 = snapshots", (db) => byLevel(db.levels, "bytes")),
  family("counter", "litestream_stored_files_total", "Files stored, by level: 1 to 8 = compactions, 9 = snapshots", (db) => byLevel(db.stored, "files")),
  family("counter", "litestream_stored_bytes_total", "Bytes stored, by level: 1 to 8 = compactions, 9 = snapshots", (db) => byLevel(db.stored, "bytes")),
  one("counter", "litestream_retention_files_total", "Files that retention deleted", (db) => db.counters.retentionFiles),
  one("counter", "litestream_retention_bytes_total", "Bytes that retention deleted", (db) => db.counters.retentionBytes),
  one("counter", "litestream_damaged_files_total", "Files at the destination found to be damaged", (db) => db.counters.damagedFiles),
  family("counter", "litestream_replica_operation_total", "The number of replica operations performed", (db) =>
    db.operations.map(({ operation, calls }) => ({ labels: { replica_type: db.replicaType, operation }, value: calls })),
  ),
  family("counter", "litestream_replica_operation_bytes", "The number of bytes used by replica operations", (db) =>
    db.operations
      .filter(({ operation }) => operation === "GET" || operation === "PUT")
      .map(({ operation, bytes }) => ({ labels: { replica_type: db.replicaType, operation }, value: bytes })),
  ),
  family("counter", "litestream_replica_operation_errors_total", "Number of replica operation errors by type, operation, and error code", (db) =>
    db.operations.flatMap(({ operation, errors }) =>
      Object.entries(errors).map(([code, value]) => ({ labels: { replica_type: db.replicaType, operation, code }, value })),
    ),
  ),
];

/** What is told of a Store as a whole. */
export const STORE_FAMILIES: readonly Family<StoreMetrics>[] = [
  {
    name: "litestream_heartbeats_total",
    type: "counter",
    help: "Heartbeats that got through",
    samples: ({ heartbeat }) => (heartbeat === undefined ? [] : [{ labels: {}, value: heartbeat.sent }]),
  },
  {
    name: "litestream_heartbeat_errors_total",
    type: "counter",
    help: "Heartbeats that did not get through",
    samples: ({ heartbeat }) => (heartbeat === undefined ? [] : [{ labels: {}, value: heartbeat.errors }]),
  },
];

function family(type: "counter" | "gauge", name: string, help: string, samples: (db: DBMetrics) => readonly Sample[]): Family<DBMetrics> {
  return { name, help, type, samples: (db) => samples(db).map(({ labels, value }) => ({ labels: { db: db.db, ...labels }, value })) };
}

/** A family with one number per database; `undefined` = there is none now. */
function one(type: "counter" | "gauge", name: string, help: string, read: (db: DBMetrics) => number | undefined): Family<DBMetrics> {
  return family(type, name, help, (db) => {
    const value = read(db);
    return value === undefined ? [] : [{ labels: {}, value }];
  });
}

function seconds(ms: number): number;
function seconds(ms: number | undefined): number | undefined;
function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function byLevel(levels: readonly LevelMetrics[], what: "files" | "bytes"): Sample[] {
  return levels.map((level) => ({ labels: { level: String(level.level) }, value: level[what] }));
}
