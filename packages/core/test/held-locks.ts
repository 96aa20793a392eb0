import { readdirSync, readFileSync, statSync } from "node:fs";

/**
 * POSIX locks of this process on the files that exist among `paths`, as lines "<ending of the path> READ|WRITE <start>-<end>".
 * From the descriptors' own lists: /proc/locks leaves lines out while locks of other processes come and go.
 */
export function heldLocks(...paths: readonly string[]): string[] {
  const names = new Map<number, string>();
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined) names.set(stat.ino, path.slice(path.lastIndexOf("/") + 1));
  }
  const lines: string[] = [];
  for (const fd of readdirSync("/proc/self/fd")) {
    let info = "";
    try {
      info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    } catch {
      // The listing's own descriptor is closed already.
    }
    for (const [, mode, inode, start, end] of info.matchAll(
      /^lock:\s+\d+: POSIX\s+\S+\s+(READ|WRITE)\s+\d+\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s+(\d+)\s+(\d+|EOF)/gm,
    )) {
      const name = names.get(Number(inode));
      if (name !== undefined) lines.push(`${name} ${mode} ${start}-${end}`);
    }
  }
  return lines.sort();
}
