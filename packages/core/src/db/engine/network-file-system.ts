import { statfsSync } from "node:fs";
import { dirname } from "node:path";

/** File systems that are shared with other machines, by the number that Linux gives each (statfs(2)). */
const KNOWN: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x01021997, "9P"],
  [0x5346414f, "AFS"],
]);

/** Text of the `LS_NETWORK_FILE_SYSTEM` warning for a database that lies on such a file system. */
export function networkWarning(databasePath: string): string | undefined {
  const name = networkFileSystem(databasePath);
  if (name === undefined) return undefined;
  return `${databasePath} lies on ${name}: WAL mode needs memory that all processes with the database open share, and network file systems have none`;
}

/** Undefined for a local one, and where the system does not tell. FUSE may be either, so it counts as local. Opens nothing. */
function networkFileSystem(databasePath: string): string | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return KNOWN.get(statfsSync(dirname(databasePath)).type >>> 0);
  } catch {
    // No such directory yet.
    return undefined;
  }
}
