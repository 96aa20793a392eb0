import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/** Bytes of one entry; programs with several threads have one entry each. */
const SLOT = 40;

/**
 * Where a program is, in one word that outlives it: written to a file at each change, read after a SIGKILL.
 * A write into the page cache survives the death of the process (not of the machine), and costs microseconds.
 */
export class PhaseFile implements Disposable {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, "w");
    this.set("idle");
  }

  set(phase: string): void {
    writeSync(this.#fd, phase.padEnd(SLOT).slice(0, SLOT), 0);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** The phases that a program was in when it died, one per thread, idle ones left out. Empty when it was idle or never began. */
export function readPhases(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch {
    return [];
  }
  const phases = new Set<string>();
  for (let at = 0; at < text.length; at += SLOT) {
    const phase = text
      .slice(at, at + SLOT)
      .replaceAll("\0", " ")
      .trim();
    if (phase !== "" && phase !== "idle") phases.add(phase);
  }
  return [...phases];
}
