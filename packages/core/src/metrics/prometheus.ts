import { DB_FAMILIES, type Family, type Sample, STORE_FAMILIES } from "./families.js";
import type { DBMetrics, StoreMetrics } from "./metrics.js";

/** `Content-Type` of what {@link renderPrometheus} makes. */
export const PROMETHEUS_CONTENT_TYPE: string = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Metrics in Prometheus' text format, version 0.0.4. Pure: no clock, no I/O.
 * @param metrics of a Store, or of one database.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function renderPrometheus(metrics: StoreMetrics | DBMetrics): string {
  const store = "databases" in metrics ? metrics : { databases: [metrics] };
  const ofStore = STORE_FAMILIES.map((family) => render(family, [store]));
  return [...ofStore, ...DB_FAMILIES.map((family) => render(family, store.databases))].join("");
}

/** All samples of a family stand together, below its two comment lines. A family without samples is left out. */
function render<Of>({ name, help, type, samples }: Family<Of>, all: readonly Of[]): string {
  const lines = all.flatMap((one) => samples(one).map((sample) => renderSample(name, sample)));
  if (lines.length === 0) return "";
  return [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function renderSample(name: string, { labels, value }: Sample): string {
  if (Object.keys(labels).length === 0) return `${name} ${renderNumber(value)}`;
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}{${pairs.join(",")}} ${renderNumber(value)}`;
}

function renderNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
