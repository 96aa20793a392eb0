import type { CaseContext } from "./context.js";
import type { Need } from "./options.js";

/** One duty of the `ReplicaClient` contract, and how it is seen. */
export interface ConformanceCase {
  /** Stable within a major version: `theme.case`. */
  readonly id: string;
  /** What is observed. */
  readonly title: string;
  /** The sentence of the contract that it holds a client to, or why a replica is lost without it. */
  readonly duty: string;
  /** Capabilities and facilities without which the case says nothing. */
  readonly needs?: readonly Need[];
  /** Resolves when the duty is met. */
  readonly run: (context: CaseContext) => Promise<void>;
}
