import type { LTXFileRef, ReplicaClient, ReplicaClientCapabilities } from "@ls/core/backend-kit";

/** The two functions of a test runner that the suite needs; those of vitest, node:test and mocha fit as they are. */
export interface TestRunner {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly it: (title: string, body: () => Promise<void>) => unknown;
}

/** Says that a facility cannot exist for this service, and why. Cases that need it are not run. */
export interface Impossible {
  readonly impossible: string;
}

/** A client whose service is in trouble. */
export interface Trouble {
  readonly client: ReplicaClient;
  /** The trouble needs somebody to act, so errors need not be `retryable`. Default false. */
  readonly permanent?: boolean | undefined;
  /** Ends the trouble: the same client works from now on. */
  end(): Promise<void>;
}

/** What the suite needs of the service beside its clients. */
export interface Facilities {
  /** Stores an object that no client of ours would, under exactly this name, where the files of a level of that place lie. */
  readonly foreign: ((place: string, level: number, name: string) => Promise<void>) | Impossible;
  /** A client of that place whose service cannot be reached until the trouble ends. */
  readonly outage: ((place: string) => Promise<Trouble>) | Impossible;
  /** A client of that place whose credentials or permissions are refused. `end` need not repair it. */
  readonly denied: ((place: string) => Promise<Trouble>) | Impossible;
  /** Makes one stored file such that it cannot be deleted, until the function it gives is called. */
  readonly undeletable: ((place: string, ref: LTXFileRef) => Promise<() => Promise<void>>) | Impossible;
  /** Requests that the service has got so far. */
  readonly requests: (() => number | Promise<number>) | Impossible;
  /** Every secret that a client was given: passwords, keys, tokens. */
  readonly secrets: (() => readonly string[]) | Impossible;
}

/** A case that a service is known not to pass. When it does pass, the suite fails until the gap is taken out. */
export interface KnownGap {
  /** Id of the case. */
  readonly case: string;
  /** What the service does instead. */
  readonly reason: string;
  /** Where the gap is followed up. */
  readonly issue?: string | undefined;
}

/** A service under test. */
export interface ConformanceOptions {
  /** Shown above the cases, such as `"s3 (minio)"`. */
  readonly name: string;
  /** The test runner's functions. */
  readonly runner: TestRunner;
  /**
   * Makes a new client for a place: constructs it, as `fromURL` does, without I/O. One place twice is one destination, and two places share
   * nothing, even where one begins with the other. Places look like paths (`4f0c2a91/app`); map them to prefixes, directories or buckets.
   */
  readonly create: (place: string) => ReplicaClient;
  /** What `create`'s clients declare once they are initialised. */
  readonly capabilities: ReplicaClientCapabilities;
  /** What the suite needs of the service beside its clients. */
  readonly facilities: Facilities;
  /** Cases that the service is known not to pass. Default: none. */
  readonly knownGaps?: readonly KnownGap[] | undefined;
  /** Longest that one case may take in ms, 1 or more; the runner's own limit must not be shorter. Default 60,000. */
  readonly timeoutMs?: number | undefined;
}

/** What {@link ConformanceCase.needs} can name: a declared capability, or a facility. */
export type Need = "createOnly" | "orderedSeek" | "listedTimes" | keyof Facilities;

/** Whether the service under test has what a case needs. */
export function isMet(need: Need, { capabilities, facilities }: Pick<ConformanceOptions, "capabilities" | "facilities">): boolean {
  switch (need) {
    case "createOnly":
    case "orderedSeek":
      return capabilities[need];
    case "listedTimes":
      return capabilities.timestamps === "listing";
    default:
      return typeof facilities[need] === "function";
  }
}
