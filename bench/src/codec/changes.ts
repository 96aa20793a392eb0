import { closeSync, fstatSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LTXEncoder } from "@ls/ltx";
import { Random } from "@ls/testkit";

export interface ChangeFiles {
  readonly count: number;
  /** Pages in each. */
  readonly pages: number;
  readonly seed: number;
}

const TIMESTAMP_MS = 1_700_000_000_000;

/**
 * Writes level-0 files of TXID 2, 3, … with pages of a database (4096 bytes each, below the lock page), any of them again and again as changes hit
 * them; each begins with its TXID, so that it matters which file a page comes from.
 * @returns their paths, oldest first.
 */
export function writeChanges(dbPath: string, directory: string, { count, pages, seed }: ChangeFiles): string[] {
  const pageSize = 4096;
  const random = new Random(seed);
  const input = openSync(dbPath, "r");
  try {
    const commit = fstatSync(input).size / pageSize;
    const page = new Uint8Array(pageSize);
    return Array.from({ length: count }, (_, i) => {
      const txid = BigInt(i + 2);
      const encoder = new LTXEncoder({ pageSize, commit, minTXID: txid, maxTXID: txid, timestampMs: TIMESTAMP_MS });
      const parts: Uint8Array[] = [];
      const chosen = new Set(Array.from({ length: pages }, () => random.int(2, commit)));
      for (const pgno of [...chosen].sort((a, b) => a - b)) {
        readSync(input, page, 0, pageSize, (pgno - 1) * pageSize);
        new DataView(page.buffer).setBigUint64(0, txid);
        parts.push(encoder.encodePage(pgno, page).slice());
      }
      parts.push(encoder.finish());
      encoder.dispose();
      const name = txid.toString(16).padStart(16, "0");
      const path = join(directory, `${name}-${name}.ltx`);
      writeFileSync(path, Buffer.concat(parts));
      return path;
    });
  } finally {
    closeSync(input);
  }
}
