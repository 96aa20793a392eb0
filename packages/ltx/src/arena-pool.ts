import { Arena } from "./arena.js";
import { createKernel, kernelGeneration } from "./kernel.js";

/** Arenas kept for reuse; more may be in use at a time. Each is 1152 KiB. */
const MAX_IDLE = 4;

const idle: Arena[] = [];

/** An arena for the caller alone, until it gives it back. Its contents are undefined. */
export function acquireArena(): Arena {
  for (let arena = idle.pop(); arena !== undefined; arena = idle.pop()) {
    if (arena.generation === kernelGeneration()) return arena;
  }
  return new Arena(createKernel(), kernelGeneration());
}

/** Gives an arena back. The caller must not touch it, or any view into it, afterwards. */
export function releaseArena(arena: Arena): void {
  if (idle.length < MAX_IDLE) idle.push(arena);
}
