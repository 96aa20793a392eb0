import { setTimeout as sleep } from "node:timers/promises";
import {
  type CallOptions,
  type ListOptions,
  LSError,
  type LTXFileInfo,
  type LTXFileRef,
  type OpenOptions,
  type ReplicaClient,
  type WriteOptions,
} from "@ls/core/backend-kit";
import { ClientWrapper } from "./client-wrapper.js";
import type { Operation } from "./request-counter.js";

/** What goes wrong. */
export type Fault =
  /** The call fails at once and nothing is done. */
  | { readonly kind: "fail"; readonly error?: Error }
  /** The call never answers; it ends only by its signal. */
  | { readonly kind: "hang" }
  /** Bytes pass at this rate, in both directions. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** The connection breaks after this many bytes of a file, read or written. */
  | { readonly kind: "drop"; readonly afterBytes: number }
  /** A read succeeds without any byte. */
  | { readonly kind: "empty" }
  /** A write or delete answers success and does nothing. */
  | { readonly kind: "lie" }
  /** A write is done, and answers with an error. */
  | { readonly kind: "done-but-error" }
  /** Deleting these files fails; the others go. */
  | { readonly kind: "keep"; readonly refuse: (ref: LTXFileRef) => boolean }
  /** Listings show what was there when the fault was armed. */
  | { readonly kind: "stale" };

export interface FaultRule {
  readonly operation: Operation;
  readonly fault: Fault;
  /** Only calls for which this holds are counted. Default: all. */
  readonly when?: (ref: LTXFileRef | undefined) => boolean;
  /** Skip this many matching calls first. Default 0. */
  readonly after?: number;
  /** Then hit this many. Default: all. */
  readonly times?: number;
}

interface ArmedRule extends FaultRule {
  seen: number;
  hits: number;
}

/** Wraps any client and makes chosen calls go wrong the way a network and a storage service do. */
export class FaultStore extends ClientWrapper {
  readonly #rules: ArmedRule[] = [];
  readonly #stale = new Map<number, LTXFileInfo[]>();

  constructor(inner: ReplicaClient) {
    super(inner);
  }

  /** Arms a rule; the first that matches a call decides. Returns how often it has hit so far. */
  arm(rule: FaultRule): () => number {
    const armed: ArmedRule = { ...rule, seen: 0, hits: 0 };
    this.#rules.push(armed);
    return () => armed.hits;
  }

  /** Everything works again. */
  heal(): void {
    this.#rules.length = 0;
    this.#stale.clear();
  }

  /** Remembers what is listed now, for `stale` rules. */
  async rememberListings(levels: readonly number[]): Promise<void> {
    for (const level of levels) {
      const files: LTXFileInfo[] = [];
      for await (const file of this.inner.ltxFiles(level)) files.push(file);
      this.#stale.set(level, files);
    }
  }

  override async *ltxFiles(level: number, options?: ListOptions): AsyncGenerator<LTXFileInfo> {
    const fault = this.#hit("list", { level, minTXID: 0n, maxTXID: 0n });
    if (fault?.kind === "fail") throw failure(fault);
    if (fault?.kind === "hang") await never(options?.signal);
    if (fault?.kind === "stale") yield* (this.#stale.get(level) ?? []).filter((file) => file.minTXID >= (options?.seek ?? 0n));
    else yield* super.ltxFiles(level, options);
  }

  override async *openLTXFile(ref: LTXFileRef, options?: OpenOptions): AsyncGenerator<Uint8Array> {
    const fault = this.#hit("open", ref);
    if (fault?.kind === "fail") throw failure(fault);
    if (fault?.kind === "hang") await never(options?.signal);
    if (fault?.kind === "empty") return;
    yield* shaped(super.openLTXFile(ref, options), fault, options?.signal);
  }

  override async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<LTXFileInfo> {
    const fault = this.#hit("write", ref);
    if (fault?.kind === "fail") throw failure(fault);
    if (fault?.kind === "hang") await never(options?.signal);
    if (fault?.kind === "lie") {
      let size = 0;
      for await (const chunk of data) size += chunk.length;
      return { ...ref, size, createdAt: new Date() };
    }
    const info = await super.writeLTXFile(ref, shaped(data, fault, options?.signal), options);
    if (fault?.kind === "done-but-error") throw unavailable("the answer was lost");
    return info;
  }

  override async deleteLTXFiles(refs: readonly LTXFileRef[], options?: CallOptions): Promise<void> {
    const fault = this.#hit("delete", refs[0]);
    if (fault?.kind === "fail") throw failure(fault);
    if (fault?.kind === "hang") await never(options?.signal);
    if (fault?.kind === "lie") return;
    if (fault?.kind === "keep") {
      await super.deleteLTXFiles(
        refs.filter((ref) => !fault.refuse(ref)),
        options,
      );
      const kept = refs.filter((ref) => fault.refuse(ref));
      if (kept.length > 0)
        throw new AggregateError(
          kept.map(() => unavailable("the key could not be deleted")),
          `${kept.length} files were not deleted`,
        );
      return;
    }
    await super.deleteLTXFiles(refs, options);
    if (fault?.kind === "done-but-error") throw unavailable("the answer was lost");
  }

  #hit(operation: Operation, ref: LTXFileRef | undefined): Fault | undefined {
    for (const rule of this.#rules) {
      if (rule.operation !== operation || rule.when?.(ref) === false) continue;
      rule.seen++;
      if (rule.seen <= (rule.after ?? 0) || rule.hits >= (rule.times ?? Number.POSITIVE_INFINITY)) continue;
      rule.hits++;
      return rule.fault;
    }
    return undefined;
  }
}

function unavailable(what: string): LSError {
  return new LSError("LS_STORAGE_UNAVAILABLE", `injected fault: ${what}`, { retryable: true });
}

function failure(fault: { readonly error?: Error }): Error {
  return fault.error ?? unavailable("the call failed");
}

function never(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted === true) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function* shaped(source: AsyncIterable<Uint8Array>, fault: Fault | undefined, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  let passed = 0;
  for await (const chunk of source) {
    if (fault?.kind === "drop" && passed + chunk.length > fault.afterBytes) {
      yield chunk.subarray(0, Math.max(0, fault.afterBytes - passed));
      throw unavailable("the connection was lost");
    }
    if (fault?.kind === "slow") await sleep((chunk.length / fault.bytesPerSecond) * 1000, undefined, signal === undefined ? {} : { signal });
    passed += chunk.length;
    yield chunk;
  }
}
