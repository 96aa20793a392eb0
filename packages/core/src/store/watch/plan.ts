import type { ErrorReport } from "../../db/events.js";

/** What is known of a file that may be a database. */
export type FileState =
  /** Not a database (yet), as it was when it had this stamp. */
  | { readonly kind: "waiting"; readonly stamp: string | undefined }
  /** A database that is to be left alone. */
  | { readonly kind: "ignored" }
  /** A database that cannot be taken in; tried again then. */
  | { readonly kind: "refused"; readonly nextMs: number; readonly error: ErrorReport }
  /** In the Store, because of this watch. */
  | { readonly kind: "member" }
  /** Gone, and being flushed and closed. */
  | { readonly kind: "leaving" };

/** What a look at the tree has found. */
export interface Seen {
  /** Paths of files that are meant. */
  readonly files: ReadonlySet<string>;
  /** Directories that could not be listed: nothing is known of what is below them. */
  readonly unlisted: readonly string[];
  /** Joins a directory's path and a name. */
  readonly separator: string;
}

export interface WatchPlan {
  /** Files to look at: new ones, those that were no databases, and those whose time has come. */
  readonly look: readonly string[];
  /** Members whose files are not there any more. */
  readonly gone: readonly string[];
  /** Others that are not there any more. */
  readonly forget: readonly string[];
}

/** What follows from a look. What lies below a directory that could not be listed stays as it is: an error never looks like a deletion. */
export function planWatch(known: ReadonlyMap<string, FileState>, { files, unlisted, separator }: Seen, nowMs: number): WatchPlan {
  const look: string[] = [];
  for (const path of files) {
    const state = known.get(path);
    if (state === undefined || state.kind === "waiting" || (state.kind === "refused" && state.nextMs <= nowMs)) look.push(path);
  }
  const gone: string[] = [];
  const forget: string[] = [];
  for (const [path, { kind }] of known) {
    if (
      files.has(path) ||
      kind === "leaving" ||
      unlisted.some((directory) => path.startsWith(directory.endsWith(separator) ? directory : directory + separator))
    )
      continue;
    (kind === "member" ? gone : forget).push(path);
  }
  // In order: of two databases with one destination it is always the same that gets it.
  return { look: look.sort(), gone, forget };
}
