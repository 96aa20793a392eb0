import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Machine } from "./machine.js";
import { machineLine } from "./machine.js";
import { spliceBetweenMarkers } from "./table.js";

/** The bench package: the built programs lie in its `dist`. */
export const BENCH_ROOT: string = join(fileURLToPath(import.meta.url), "..", "..");

/** A promise of the project about one measured number. */
export interface Goal {
  readonly name: string;
  readonly measured: number;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Report {
  readonly name: string;
  readonly machine: Machine;
  readonly options: Readonly<Record<string, unknown>>;
  readonly goals: readonly Goal[];
  /** Everything measured, for the result file. */
  readonly data: unknown;
  /** What the README shows below the machine line. */
  readonly table: string;
}

export function isMet(goal: Goal): boolean {
  return goal.measured >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && goal.measured <= (goal.atMost ?? Number.POSITIVE_INFINITY);
}

export function goalLine(goal: Goal): string {
  const bound = goal.atLeast !== undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
  return `${isMet(goal) ? "reached" : "MISSED"}: ${goal.name} ${goal.measured.toFixed(2)} (goal ${bound})`;
}

/** Prints the report; with `record` also writes `results/<date>-<name>.json` and the README's table. */
export function publish(report: Report, record: boolean): void {
  const date = new Date().toISOString().slice(0, 10);
  // The sizes of a quick run say nothing about the goals.
  const goals = report.options.quick === true ? [] : report.goals.map(goalLine);
  const text = [
    `Measured ${date} on ${machineLine(report.machine)}.`,
    "",
    report.table,
    ...(goals.length > 0 ? ["", ...goals.map((goal) => `- ${goal}`)] : []),
  ].join("\n");
  console.log(`\n${text}\n`);
  if (!record) return;
  const directory = join(BENCH_ROOT, "results");
  mkdirSync(directory, { recursive: true });
  const { name, machine, options, data } = report;
  const file = join(directory, `${date}-${name}.json`);
  writeFileSync(
    file,
    `${JSON.stringify({ name, date, machine, options, goals: report.goals.map((goal) => ({ ...goal, met: isMet(goal) })), data }, null, 2)}\n`,
  );
  const readme = join(BENCH_ROOT, "README.md");
  writeFileSync(readme, spliceBetweenMarkers(readFileSync(readme, "utf8"), name, `\n${text}\n`));
  console.log(`recorded in results/${date}-${name}.json and README.md`);
}
