import type { ConformanceCase } from "./case.js";
import { CONFORMANCE_CASES } from "./cases/index.js";
import { type ConformanceOptions, isMet, type KnownGap } from "./options.js";
import { runCase } from "./run-case.js";

/** What the suite does with a case for one service. */
export type CasePlan =
  | { readonly case: ConformanceCase; readonly status: "run" }
  /** Has to fail. */
  | { readonly case: ConformanceCase; readonly status: "known gap"; readonly gap: KnownGap }
  /** Says nothing about this service: it lacks a capability, or a facility is impossible. */
  | { readonly case: ConformanceCase; readonly status: "not applicable"; readonly lacks: readonly string[] };

/**
 * Every case, and what happens to it.
 * @throws TypeError for a known gap that names no applicable case, or no reason.
 */
export function planCases(options: Pick<ConformanceOptions, "capabilities" | "facilities" | "knownGaps">): CasePlan[] {
  const gaps = new Map<string, KnownGap>();
  for (const gap of options.knownGaps ?? []) {
    if (gap.reason.trim() === "") throw new TypeError(`knownGaps: "${gap.case}" needs a reason`);
    if (gaps.has(gap.case)) throw new TypeError(`knownGaps: "${gap.case}" is there twice`);
    gaps.set(gap.case, gap);
  }
  const plans = CONFORMANCE_CASES.map((one): CasePlan => {
    const lacks = (one.needs ?? []).filter((need) => !isMet(need, options));
    if (lacks.length > 0) return { case: one, status: "not applicable", lacks };
    const gap = gaps.get(one.id);
    return gap === undefined ? { case: one, status: "run" } : { case: one, status: "known gap", gap };
  });
  for (const id of gaps.keys()) {
    if (!plans.some((plan) => plan.status === "known gap" && plan.case.id === id)) throw new TypeError(`knownGaps: "${id}" is no case that applies here`);
  }
  return plans;
}

/**
 * Registers the suite with a test runner: one test per case that applies, titled `<id>: <what is observed>`.
 * @throws TypeError as {@link planCases} does.
 */
export function testReplicaClient(options: ConformanceOptions): void {
  const plans = planCases(options);
  options.runner.describe(`${options.name} is a ReplicaClient`, () => {
    for (const plan of plans) {
      const { id, title } = plan.case;
      if (plan.status === "run") options.runner.it(`${id}: ${title}`, () => runCase(plan.case, options));
      if (plan.status === "known gap") options.runner.it(`${id} (known gap: ${plan.gap.reason})`, () => expectGap(plan.case, plan.gap, options));
    }
  });
}

async function expectGap(one: ConformanceCase, gap: KnownGap, options: ConformanceOptions): Promise<void> {
  const passes = await runCase(one, options).then(
    () => true,
    () => false,
  );
  if (passes) throw new Error(`"${gap.case}" passes now: take it out of knownGaps (its reason was: ${gap.reason})`);
}
