/**
 * Metrics of databases and Stores for Prometheus. No engine and no `node:` import reach the bundle.
 * @module
 */
export type { DBCounters, DBMetrics, FailingWork, LevelMetrics, Operation, OperationMetrics, StoreMetrics } from "./metrics.js";
export { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from "./prometheus.js";
