import type { ConformanceCase } from "./case.js";
import { CaseContext } from "./context.js";
import type { ConformanceOptions } from "./options.js";

/** Longest that one case may take. */
const DEFAULT_TIMEOUT_MS = 60_000;
/** Longest that removing what a case left may take, before it is left where it is. */
const CLEAN_UP_MS = 10_000;

/** Runs one case; rejects with what it found. A client that hangs is a failure, too. */
export async function runCase(one: ConformanceCase, options: Pick<ConformanceOptions, "create" | "capabilities" | "facilities" | "timeoutMs">): Promise<void> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const context = new CaseContext(options);
  try {
    await within(timeoutMs, one.run(context), `the client does not come to an end: ${one.id} takes longer than ${timeoutMs} ms`);
  } finally {
    await within(Math.min(CLEAN_UP_MS, timeoutMs), context.cleanUp(), "").catch(() => {
      // What hangs here has failed its own case.
    });
  }
}

async function within(timeoutMs: number, work: Promise<void>, complaint: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
