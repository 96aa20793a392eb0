import { closeSync, fsync, openSync } from "node:fs";
import { promisify } from "node:util";

const fsyncAsync = promisify(fsync);

/** Makes the entries of a directory durable: only the disk is worth waiting for. Windows has no such call, and orders them itself. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const fd = openSync(path, "r");
  try {
    await fsyncAsync(fd);
  } finally {
    closeSync(fd);
  }
}
