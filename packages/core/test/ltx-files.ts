import type { LTXFileInfo } from "../src/replica-client.js";

/** Midnight, so that windows of every usual length begin there. */
export const DAY: number = Date.UTC(2026, 0, 31);

/** Files from `level/min-max@seconds#size`, e.g. `1/2-5@60#4000`; default: as many seconds as `max`, 1000 bytes. */
export function files(...texts: string[]): LTXFileInfo[] {
  return texts.map((text) => {
    const match = /^(\d)\/(\d+)-(\d+)(?:@(-?\d+))?(?:#(\d+))?$/.exec(text);
    if (match === null) throw new Error(`bad file ${text}`);
    const [, level, min, max, seconds, size] = match;
    return {
      level: Number(level),
      minTXID: BigInt(min ?? 0),
      maxTXID: BigInt(max ?? 0),
      size: Number(size ?? 1000),
      createdAt: new Date(DAY + Number(seconds ?? max) * 1000),
    };
  });
}

/** The shortest text that names a file. */
export function name(file: LTXFileInfo): string {
  return `${file.level}/${file.minTXID}-${file.maxTXID}`;
}

export function names(list: readonly LTXFileInfo[]): string {
  return list.map(name).join(" ");
}
