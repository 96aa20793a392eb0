import { Arena } from "./arena.js";
import { createKernel } from "./kernel.js";

/** Arenas kept for reuse; more may be in use at a time. Each is 1152 KiB. */
const MAX_IDLE = 4;

const idle: Arena[] = [];

/** An arena for the caller alone, until it gives it back. Its contents are undefined. */
export function acquireArena(): Arena {
  return idle.pop() ?? new Arena(createKernel());
}

/** Gives an arena back. The caller must not touch it, or any view into it, afterwards. */
export function releaseArena(arena: Arena): void {
  if (idle.length < MAX_IDLE) idle.push(arena);
}

/** Forgets the arenas that are not in use, so that the next ones come from the kernel now chosen. */
export function dropIdleArenas(): void {
  idle.length = 0;
}
