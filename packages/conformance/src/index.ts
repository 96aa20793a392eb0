/**
 * The suite that every `ReplicaClient` passes.
 * @module
 */
export type { ConformanceCase } from "./case.js";
export { CONFORMANCE_CASES } from "./cases/index.js";
export type { CaseContext } from "./context.js";
export type { ConformanceOptions, Facilities, Impossible, KnownGap, Need, TestRunner, Trouble } from "./options.js";
export { runCase } from "./run-case.js";
export { type CasePlan, planCases, testReplicaClient } from "./suite.js";
