import type { TXID } from "@ls/ltx";
import { isLSError, LSError } from "../errors.js";
import { rejectUnknownOptions } from "../options.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { applyPlan, UnusableFile } from "./apply.js";
import { FileTimes } from "./file-times.js";
import { listReplica } from "./list-all.js";
import type { PageSink } from "./page-sink.js";
import { pinFiles } from "./pins.js";
import { fileKey, type PlanResult, planRestore, type RestorePlan, type RestoreTarget } from "./plan.js";
import { type DamagedFile, planError } from "./plan-error.js";
import { checkedParallelism, checkedTarget, RESTORE_TO_OPTIONS, type RestoreResult, type RestoreToOptions } from "./restore-options.js";

/** Attempts with another plan before a restore gives up: far more than bad luck needs, and an end for a replica that changes under every read. */
const MAX_ATTEMPTS = 32;

/**
 * Restores a database page by page into a sink. Needs no file system and no `node:` module, so it runs in any JavaScript runtime.
 *
 * Every file that is used is read whole and its checksum verified before `sink.end()`. A damaged file is planned around, and named in the
 * result; a file that vanished since it was listed (retention elsewhere) leads to a fresh listing. A `Store` of this process deletes nothing that
 * is being read.
 * @throws {@link LSError} `LS_NO_SNAPSHOTS` (with `details.reason` `"empty"` only when the destination holds no file at all),
 * `LS_TX_NOT_AVAILABLE`, `LS_LTX_MISSING`, `LS_LTX_CORRUPTED`, each with what is available instead in `details`; errors of the client and of the sink.
 */
export async function restoreTo(client: ReplicaClient, sink: PageSink, options: RestoreToOptions = {}): Promise<RestoreResult> {
  rejectUnknownOptions("restoreTo", options, RESTORE_TO_OPTIONS);
  const target = checkedTarget(options);
  const parallelism = checkedParallelism(options);
  const { signal } = options;
  const source = new PlanSource(client, target, signal);
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const plan = await source.next();
    const onBytes = progressReporter(plan, options);
    const unpin = pinFiles(client, plan.files);
    try {
      const { pageSize, commit } = await applyPlan(client, plan, sink, { parallelism, signal, onBytes });
      signal?.throwIfAborted();
      await sink.end();
      return { txid: plan.txid, timestamp: plan.timestamp, pageSize, pageCount: commit, bytes: commit * pageSize, damaged: source.damaged };
    } catch (error) {
      await discard(sink, error);
      if (signal?.aborted === true) throw signal.reason;
      if (attempt === MAX_ATTEMPTS || !source.canLearnFrom(error)) throw error instanceof UnusableFile ? source.corrupted(error) : error;
    } finally {
      unpin();
    }
  }
}

/** Makes plans, each from what the failure of the last one taught. */
class PlanSource {
  readonly #client: ReplicaClient;
  readonly #target: RestoreTarget;
  readonly #signal: AbortSignal | undefined;
  readonly #damaged: Map<string, DamagedFile> = new Map();
  #files: readonly LTXFileInfo[] | undefined;
  /** Of a service that does not list times, where a time is asked for. */
  #times: FileTimes | undefined;
  #isListedInOrder = false;
  #lastDamage: unknown;

  constructor(client: ReplicaClient, target: RestoreTarget, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#target = target;
    this.#signal = signal;
  }

  get damaged(): readonly DamagedFile[] {
    return [...this.#damaged.values()];
  }

  async next(): Promise<RestorePlan> {
    for (;;) {
      const files = this.#files ?? (await this.#list(false));
      const result = planRestore(files, this.#target, new Set(this.#damaged.keys()));
      // What is told to the user is exact.
      if ((await this.#times?.read(txidsOf(result))) === true) {
        this.#files = this.#times?.files;
        continue;
      }
      if ("plan" in result) return result.plan;
      if (this.#isListedInOrder) {
        const isDamageTheCause = this.#damaged.size > 0 && "plan" in planRestore(files, this.#target);
        throw planError(result.failure, this.#target, { files: this.damaged, isCause: isDamageTheCause, error: this.#lastDamage });
      }
      await this.#list(true);
    }
  }

  /** Whether the next plan will be another one. */
  canLearnFrom(error: unknown): boolean {
    if (error instanceof UnusableFile) {
      this.#exclude(error.file, error.message);
      this.#lastDamage = error.cause;
      return true;
    }
    if (isLSError(error, "LS_LTX_FILE_NOT_FOUND")) {
      this.#files = undefined;
      return true;
    }
    return false;
  }

  corrupted(error: UnusableFile): LSError {
    return new LSError("LS_LTX_CORRUPTED", `too many files are damaged; the last one: ${error.message}`, { cause: error, details: { damaged: this.damaged } });
  }

  async #list(inOrder: boolean): Promise<readonly LTXFileInfo[]> {
    const isTimed = this.#client.capabilities.timestamps === "listing";
    const accurateTimestamps = this.#target.kind === "timestamp" && isTimed;
    const listing = await listReplica(this.#client, { accurateTimestamps, inOrder, signal: this.#signal });
    for (const file of listing.damaged) this.#damaged.set(fileKey(file), file);
    let { files } = listing;
    if (this.#target.kind === "timestamp" && !isTimed) {
      this.#times = new FileTimes(this.#client, files, this.#signal);
      await this.#times.search(this.#target.timestampMs);
      files = this.#times.files;
    }
    this.#files = files;
    this.#isListedInOrder = inOrder;
    return files;
  }

  #exclude({ level, minTXID, maxTXID }: LTXFileInfo, reason: string): void {
    this.#damaged.set(fileKey({ level, minTXID, maxTXID }), { level, minTXID, maxTXID, reason });
  }
}

/** The states that a result speaks of. */
function txidsOf(result: PlanResult): TXID[] {
  if ("plan" in result) return [result.plan.txid];
  const { earliest, latest, before, after } = result.failure.available;
  return [earliest, latest, before, after].flatMap((point) => (point === undefined ? [] : [point.txid]));
}

function progressReporter(plan: RestorePlan, options: RestoreToOptions): ((bytes: number) => void) | undefined {
  const { onProgress } = options;
  if (onProgress === undefined) return undefined;
  let bytes = 0;
  const report = (): void => onProgress({ bytes, totalBytes: plan.bytes, files: plan.files.length, txid: plan.txid });
  report();
  return (more) => {
    bytes += more;
    report();
  };
}

/** The sink forgets the attempt; when it cannot, that is told with what made it necessary. */
async function discard(sink: PageSink, cause: unknown): Promise<void> {
  try {
    await sink.discard();
  } catch (error) {
    throw new AggregateError([cause, error], "the restore failed, and its output could not be discarded");
  }
}
