import { statfs } from "node:fs/promises";

/**
 * File systems of this machine's own disks and memory, by the number that Linux gives each (statfs(2)). Not FUSE: the program behind it may let
 * a call wait, as another machine may.
 */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x2fc12fc1, // ZFS
  0xf2f52010, // F2FS
  0x01021994, // tmpfs
  0x794c7630, // overlayfs, the root of a container
]);

/** Whether what lies there is read from this machine alone. False where the system does not tell, and for what does not exist. */
export async function isOnLocalFileSystem(path: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  try {
    return LOCAL.has((await statfs(path)).type >>> 0);
  } catch {
    return false;
  }
}
