import { LSError } from "./errors.js";
import { type Logger, silentLogger } from "./logger.js";

/** Longest interval: one week. Longer timers are a mistake, and `setTimeout` fires at once above 2^31 ms. */
const MAX_INTERVAL_MS = 7 * 24 * 3600 * 1000;
/** Longest duration: ten years. */
const MAX_DURATION_MS = 3653 * 24 * 3600 * 1000;
/** Shortest interval that is not 0: below it a loop would spin. */
const MIN_INTERVAL_MS = 10;

/** Throws `LS_INVALID_OPTION` for a key that nobody reads, naming the nearest known one. */
export function rejectUnknownOptions(owner: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const hint = near === undefined ? `known options: ${known.join(", ")}` : `did you mean "${near}"?`;
    throw new LSError("LS_INVALID_OPTION", `${owner}: unknown option "${key}"; ${hint}`, { details: { option: key } });
  }
}

/** An interval in milliseconds: 0, or 10 ms to one week. */
export function checkIntervalMs(name: string, value: number | undefined, defaultValue: number): number {
  if (value === undefined) return defaultValue;
  if (value === 0 || (Number.isFinite(value) && value >= MIN_INTERVAL_MS && value <= MAX_INTERVAL_MS)) return value;
  throw new LSError("LS_INVALID_OPTION", `${name} must be 0 or ${MIN_INTERVAL_MS} ms to ${MAX_INTERVAL_MS} ms, not ${String(value)}`, {
    details: { option: name },
  });
}

/** How long something is kept, or how rarely something happens, in milliseconds: 0, or 10 ms to ten years. */
export function checkDurationMs(name: string, value: number | undefined, defaultValue: number): number {
  if (value === undefined) return defaultValue;
  if (value === 0 || (Number.isFinite(value) && value >= MIN_INTERVAL_MS && value <= MAX_DURATION_MS)) return value;
  throw new LSError("LS_INVALID_OPTION", `${name} must be 0 or ${MIN_INTERVAL_MS} ms to ${MAX_DURATION_MS} ms, not ${String(value)}`, {
    details: { option: name },
  });
}

/** A whole number between `min` and `max`. */
export function checkInteger(name: string, value: number | undefined, defaultValue: number, min: number, max: number): number {
  if (value === undefined) return defaultValue;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new LSError("LS_INVALID_OPTION", `${name} must be a whole number from ${min} to ${max}, not ${String(value)}`, {
    details: { option: name },
  });
}

/** One of a few words. */
export function checkChoice<T extends string>(name: string, value: T | undefined, defaultValue: T, choices: readonly T[]): T {
  if (value === undefined) return defaultValue;
  if (choices.includes(value)) return value;
  throw new LSError("LS_INVALID_OPTION", `${name} must be one of ${choices.map((c) => `"${c}"`).join(", ")}, not ${JSON.stringify(value)}`, {
    details: { option: name },
  });
}

/** A logger with all its methods; the silent one by default. */
export function checkLogger(owner: string, logger: Logger | undefined): Logger {
  if (logger === undefined) return silentLogger;
  const levels: readonly (keyof Logger)[] = ["debug", "info", "warn", "error"];
  if (typeof logger === "object" && logger !== null && levels.every((level) => typeof logger[level] === "function")) return logger;
  throw new LSError("LS_INVALID_OPTION", `${owner}: logger must have the methods debug, info, warn and error`, { details: { option: "logger" } });
}

function nearest(key: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(key.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
