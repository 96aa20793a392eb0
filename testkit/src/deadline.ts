import { setTimeout as sleep } from "node:timers/promises";

/** Fails with a message that names what was waited for. The work itself goes on: give it its own limit where that matters. */
export async function withDeadline<T>(what: string, milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks every few milliseconds until `probe` answers something truthy. */
export async function waitFor<T>(what: string, milliseconds: number, probe: () => T | Promise<T>, everyMs = 10): Promise<NonNullable<T>> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`${what} did not happen within ${milliseconds} ms`);
    await sleep(everyMs);
  }
}
