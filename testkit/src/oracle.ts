import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import Database from "better-sqlite3";

const HASH_BYTES = 16;
const PAGE_SIZE_OFFSET = 16;

/**
 * What a database was at one moment: one hash per page, so that a comparison can name the first page that differs
 * and costs 16 bytes per page.
 */
export interface DatabaseModel {
  readonly pageSize: number;
  readonly pageCount: number;
  readonly pageHashes: Uint8Array;
}

/** The model of a database image in memory, such as `db.serialize()`. */
export function modelOf(image: Uint8Array): DatabaseModel {
  const pageSize = pageSizeOf(image);
  if (image.length % pageSize !== 0) throw new Error(`an image of ${image.length} bytes is not whole pages of ${pageSize}`);
  const pageCount = image.length / pageSize;
  const pageHashes = new Uint8Array(pageCount * HASH_BYTES);
  for (let i = 0; i < pageCount; i++) pageHashes.set(hashPage(image.subarray(i * pageSize, (i + 1) * pageSize)), i * HASH_BYTES);
  return { pageSize, pageCount, pageHashes };
}

/**
 * The model of a live database as its readers see it now, through a connection of its own: WAL content included.
 * The lock page of a database over 1 GiB is hashed as zeros.
 */
export function modelOfLive(path: string): DatabaseModel {
  const db = new Database(path, { readonly: true, timeout: 10_000 });
  try {
    return modelOf(db.serialize());
  } finally {
    db.close();
  }
}

/** Compares a database file (no WAL beside it) with a model, page by page; `undefined` = equal, else the first difference in words. */
export function firstDifference(path: string, model: DatabaseModel): string | undefined {
  const size = statSync(path).size;
  const fd = openSync(path, "r");
  try {
    const pagesPerRead = Math.max(1, Math.floor((1 << 20) / model.pageSize));
    const buffer = new Uint8Array(pagesPerRead * model.pageSize);
    const filePages = Math.floor(size / model.pageSize);
    for (let pgno = 1; pgno <= Math.min(filePages, model.pageCount); ) {
      const want = Math.min(pagesPerRead, filePages - pgno + 1) * model.pageSize;
      if (readSync(fd, buffer, 0, want, (pgno - 1) * model.pageSize) !== want) throw new Error(`${path} became shorter while it was compared`);
      for (let i = 0; i < want / model.pageSize && pgno <= model.pageCount; i++, pgno++) {
        const hash = hashPage(buffer.subarray(i * model.pageSize, (i + 1) * model.pageSize));
        if (!hash.equals(model.pageHashes.subarray((pgno - 1) * HASH_BYTES, pgno * HASH_BYTES))) {
          return `page ${pgno} of ${model.pageCount} differs (page size ${model.pageSize}, file of ${size} bytes)`;
        }
      }
    }
    if (size !== model.pageCount * model.pageSize) return `the file has ${size} bytes, the model ${model.pageCount} pages of ${model.pageSize}`;
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** `undefined` when `PRAGMA integrity_check` says ok, else its first rows. */
export function integrityProblem(path: string): string | undefined {
  const db = new Database(path, { readonly: true, timeout: 10_000 });
  try {
    // `as`: the pragma's documented row shape.
    const rows = db.pragma("integrity_check(5)") as { integrity_check: string }[];
    return rows.length === 1 && rows[0]?.integrity_check === "ok" ? undefined : rows.map((row) => row.integrity_check).join("; ");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    db.close();
  }
}

/** SHA-256 over schema and rows of every ordinary table, in natural order: equal for databases that say the same in other pages. */
export function contentHash(path: string): string {
  const db = new Database(path, { readonly: true, timeout: 10_000 });
  try {
    const hash = createHash("sha256");
    // `as`: the two columns selected.
    const objects = db.prepare("SELECT name, type, sql FROM sqlite_master ORDER BY type, name").all() as { name: string; type: string; sql: string | null }[];
    for (const object of objects) hash.update(`${object.type}|${object.name}|${object.sql ?? ""}\n`);
    for (const { name, type, sql } of objects) {
      if (type !== "table" || sql === null || name.startsWith("sqlite_") || /^CREATE VIRTUAL/i.test(sql)) continue;
      hash.update(`${name}\n`);
      const columns = db.pragma(`table_xinfo(${quoteName(name)})`) as { name: string }[]; // `as`: the pragma's documented row shape
      const list = columns.map((column) => `quote(${quoteName(column.name)})`).join(" || ',' || ");
      for (const row of db
        .prepare(`SELECT ${list} FROM ${quoteName(name)}`)
        .pluck()
        .iterate())
        hash.update(`${String(row)}\n`);
    }
    return hash.digest("hex");
  } finally {
    db.close();
  }
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function hashPage(page: Uint8Array): Buffer {
  return createHash("md5").update(page).digest();
}

/** SQLite file format, header bytes 16–17, big-endian; 1 stands for 65536. */
function pageSizeOf(image: Uint8Array): number {
  if (image.length < 100) throw new Error(`an image of ${image.length} bytes has no database header`);
  const stored = new DataView(image.buffer, image.byteOffset, image.byteLength).getUint16(PAGE_SIZE_OFFSET, false);
  return stored === 1 ? 65_536 : stored;
}
