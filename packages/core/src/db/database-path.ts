import { isAbsolute, resolve } from "node:path";
import { LSError } from "../errors.js";

/**
 * The absolute path that a database argument names. Connection strings of other tools are understood as far as they name a file:
 *
 * | given | meant |
 * |---|---|
 * | `app.db`, `/data/app.db`, `C:\data\app.db` | that path |
 * | `sqlite://app.db`, `sqlite3:///data/app.db` | the rest is the path, taken as it is |
 * | `file:app.db`, `file:///data/app.db`, `file://localhost/data/app.db` | a SQLite URI: percent-decoded |
 *
 * @throws LSError `LS_INVALID_OPTION` for anything that names no file on disk (empty, `:memory:`, another host), and for query parameters,
 * which would be ignored: the application's own connection is where they belong.
 */
export function databasePath(given: string): string {
  if (typeof given !== "string" || given === "" || given.includes("\0")) throw invalid("it must be the path of a file");
  const sqlite = /^sqlite3?:\/\/(.*)$/is.exec(given)?.[1];
  if (sqlite !== undefined) return plainPath(withoutQuery(sqlite));
  const uri = /^file:(.*)$/is.exec(given)?.[1];
  if (uri !== undefined) return plainPath(decode(withoutHost(withoutQuery(uri))));
  return plainPath(given);
}

function plainPath(path: string): string {
  if (path === "" || path === ":memory:") throw invalid("a database in memory has no file to replicate");
  return resolve(path);
}

function withoutQuery(text: string): string {
  if (/[?#]/.test(text)) throw invalid("a connection string may not carry parameters here; give the plain path");
  return text;
}

function withoutHost(text: string): string {
  if (!text.startsWith("//")) return text;
  const [, host = "", path = ""] = /^\/\/([^/]*)(.*)$/s.exec(text) ?? [];
  if (host !== "" && host.toLowerCase() !== "localhost") throw invalid("a file URL with a host names a file of another machine");
  // file:///C:/data/app.db
  return /^\/[a-z]:\//i.test(path) && isAbsolute(path.slice(1)) ? path.slice(1) : path;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw invalid("its percent-encoding is broken", error);
  }
}

function invalid(why: string, cause?: unknown): LSError {
  return new LSError("LS_INVALID_OPTION", `the database path is not usable: ${why}`, { cause, details: { option: "path" } });
}
