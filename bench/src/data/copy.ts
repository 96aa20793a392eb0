import { closeSync, copyFileSync, fsyncSync, openSync } from "node:fs";

/** Copies a file and waits for the disk, so that writing it back does not disturb what is measured next. */
export function copySettled(from: string, to: string): void {
  copyFileSync(from, to);
  const fd = openSync(to, "r");
  fsyncSync(fd);
  closeSync(fd);
}
