import type { DBEventBody } from "../db/events.js";
import type { KeepingEventBody } from "../store/events.js";
import type { DBCounters, FailingWork } from "./metrics.js";

type Counts = { -readonly [Name in keyof DBCounters]: DBCounters[Name] extends number ? number : Record<FailingWork, number> };

/** Counts what events tell: nothing is counted that is not told. */
export class EventCounters {
  readonly #counts: Counts = {
    cuts: 0,
    cutBytes: 0,
    uploads: 0,
    uploadBytes: 0,
    errors: { open: 0, attach: 0, upload: 0, merge: 0, snapshot: 0, retention: 0, verify: 0 },
    retries: 0,
    checkpoints: 0,
    barriers: 0,
    barrierMs: 0,
    pauses: 0,
    discontinuities: 0,
    retentionFiles: 0,
    retentionBytes: 0,
    damagedFiles: 0,
  };

  /** The caller's own. */
  read(): DBCounters {
    return { ...this.#counts, errors: { ...this.#counts.errors } };
  }

  count(event: DBEventBody | KeepingEventBody): void {
    const counts = this.#counts;
    switch (event.type) {
      case "cut":
        counts.cuts++;
        counts.cutBytes += event.sizeBytes;
        break;
      case "uploaded":
        counts.uploads++;
        counts.uploadBytes += event.sizeBytes;
        break;
      case "upload-failed":
        this.#failed("upload", true);
        break;
      case "attach-failed":
        this.#failed("attach", true);
        break;
      case "open-failed":
        this.#failed("open", event.nextRetryAt !== undefined);
        break;
      case "keeping-failed":
        this.#failed(event.work, true);
        break;
      case "checkpointed":
        counts.checkpoints++;
        break;
      case "barrier":
        counts.barriers++;
        counts.barrierMs += event.heldMs;
        break;
      case "paused":
        counts.pauses++;
        break;
      case "continued":
      case "detached":
        counts.discontinuities++;
        break;
      case "retention":
        counts.retentionFiles += event.files;
        counts.retentionBytes += event.bytes;
        break;
      case "damaged-file":
        counts.damagedFiles++;
        break;
      default:
    }
  }

  #failed(work: FailingWork, isRepeated: boolean): void {
    this.#counts.errors[work]++;
    if (isRepeated) this.#counts.retries++;
  }
}
