import { chmod, chown, lstat, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { type FileOwner, systemErrorCode } from "@ls/core/backend-kit";
import { BRIEF_CALLS_ELSEWHERE, type BriefCalls, syncDescriptor } from "./descriptors.js";

/** Mode and owner of what is created; `owner` as the source database's, else private to this user. */
export interface Ownership {
  readonly fileMode: number;
  readonly directoryMode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Who may read the database may read its replica: a directory gets the search bit wherever the file has the read bit. */
export function ownershipOf(owner: FileOwner | undefined): Ownership {
  if (owner === undefined) return { fileMode: 0o600, directoryMode: 0o700, uid: undefined, gid: undefined };
  const fileMode = owner.mode & 0o777;
  return { fileMode, directoryMode: 0o700 | fileMode | ((fileMode & 0o444) >> 2), uid: owner.uid, gid: owner.gid };
}

/**
 * Makes `path`, which lies at or below `root`, a directory that is durable. Entries that exist already are synced as well,
 * because whoever created them a moment ago may not have come to that yet.
 * @param ensured directories that are durable already; those that are made so are added.
 */
export async function ensureDirectory(path: string, root: string, ownership: Ownership, ensured: Set<string>): Promise<void> {
  if (ensured.has(path)) return;
  if (path !== root) await ensureDirectory(dirname(path), root, ownership, ensured);
  const created = await createDirectory(path, ownership);
  try {
    await syncDirectory(dirname(path));
  } catch (error) {
    // A parent that may be searched but not read cannot be synced; what stood in it before was not our work.
    if (created) throw error;
  }
  ensured.add(path);
}

async function createDirectory(path: string, ownership: Ownership): Promise<boolean> {
  let created: boolean;
  try {
    created = await makeDirectory(path, ownership);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT" || dirname(path) === path) throw error;
    if (await createDirectory(dirname(path), ownership)) await syncDirectory(dirname(dirname(path)));
    // Once only: a parent that is a symbolic link to nowhere exists, and still nothing can be made in it.
    created = await makeDirectory(path, ownership);
  }
  if (!created) return false;
  await own(ownership, ownership.directoryMode, {
    stat: () => lstat(path),
    chmod: (mode) => chmod(path, mode),
    chown: (uid, gid) => chown(path, uid, gid),
  });
  return true;
}

/** A file that is open, or a directory by its path. */
interface Made {
  stat(): Promise<FileOwner> | FileOwner;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
}

/** Gives what was just created its mode and owner. Mostly it has them, and a look costs less than two orders. */
export async function own({ uid, gid }: Ownership, mode: number, made: Made): Promise<void> {
  const is = await made.stat();
  // The umask has had its say; the mode asked for is the one wanted.
  if ((is.mode & 0o7777) !== mode) await made.chmod(mode);
  if (uid === undefined || gid === undefined || (is.uid === uid && is.gid === gid)) return;
  // Only a privileged process may give files away; as upstream, any other goes on with its own.
  await made.chown(uid, gid).catch(() => {});
}

/** @returns false when there is something of that name. */
async function makeDirectory(path: string, { directoryMode }: Ownership): Promise<boolean> {
  try {
    await mkdir(path, { mode: directoryMode });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Makes the entries of a directory durable. Windows has no such call, and orders them itself. */
export async function syncDirectory(path: string, calls: BriefCalls = BRIEF_CALLS_ELSEWHERE): Promise<void> {
  if (process.platform === "win32") return;
  const fd = await calls.openDirectory(path);
  try {
    await syncDescriptor(fd);
  } finally {
    await calls.close(fd);
  }
}
