import { createHash } from "node:crypto";
import { cpSync, createReadStream, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What upstream's `restore` gave, or how it failed. */
export interface RecordedResult {
  readonly exit: number;
  readonly sha256?: string;
  readonly bytes?: number;
  readonly page_size?: number;
  readonly pages?: number;
  readonly error?: string;
}

export interface RecordedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly mtime: string;
  readonly header_timestamp: string;
  readonly ltx: { readonly min_txid: string; readonly max_txid: string; readonly timestamp_ms: number };
}

export interface RecordedReplica {
  readonly max_txid: string;
  readonly latest: RecordedResult;
  /** By 16 hex digits. */
  readonly txids: Readonly<Record<string, RecordedResult>>;
  readonly timestamps: readonly (RecordedResult & { readonly at: string; readonly same_as_txid?: string | null; readonly side?: readonly string[] })[];
  readonly files: readonly RecordedFile[];
}

const ROOT = fileURLToPath(new URL("../fixtures", import.meta.url));

export function fixturePath(...parts: string[]): string {
  return join(ROOT, ...parts);
}

/** A recorded JSON file. `T` is the shape that fixtures/README.md describes. */
export function readRecord<T>(...parts: string[]): T {
  // `as`: the recordings are part of this repository, and README.md gives their shape.
  return JSON.parse(readFileSync(fixturePath(...parts), "utf8")) as T;
}

/** A copy of a fixture's replica with the mtimes that git does not keep. */
export function copyReplica(fixture: string, to: string): void {
  cpSync(fixturePath(fixture, "replica"), to, { recursive: true });
  for (const file of readRecord<RecordedReplica>(fixture, "expected.json").files) {
    if (!file.path.startsWith("ltx/")) continue;
    setTime(join(to, file.path), Date.parse(file.mtime));
  }
}

/** Sets the mtime so that every reader sees exactly this millisecond; a plain double would often land just below it. */
export function setTime(path: string, timestampMs: number): void {
  const seconds = (timestampMs + 0.0005) / 1000;
  utimesSync(path, seconds, seconds);
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** Names in a directory, to show that nothing was left there. */
export function namesIn(path: string): string[] {
  return readdirSync(path).sort();
}
