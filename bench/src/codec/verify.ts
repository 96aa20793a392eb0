import { execFileSync } from "node:child_process";
import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs";
import { verifyLTX } from "@ls/ltx";
import type { GoPeer } from "../common/go-peer.js";

/** Both sides must find the file good. */
export async function verifyByBoth(path: string, peer: GoPeer): Promise<void> {
  await verifyLTX(createReadStream(path));
  execFileSync(peer.binary, ["verify", path], { stdio: ["ignore", "ignore", "inherit"], timeout: 120_000 });
}

/** Throws unless both files hold the same bytes. */
export function expectSameBytes(a: string, b: string): void {
  if (statSync(a).size !== statSync(b).size) throw new Error(`${a} and ${b} differ in size`);
  const [fdA, fdB] = [openSync(a, "r"), openSync(b, "r")];
  try {
    const [bufferA, bufferB] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
    for (let at = 0; ; at += bufferA.length) {
      const size = readSync(fdA, bufferA, 0, bufferA.length, at);
      readSync(fdB, bufferB, 0, bufferB.length, at);
      if (size === 0) return;
      if (bufferA.compare(bufferB, 0, size, 0, size) !== 0) throw new Error(`${a} and ${b} differ after byte ${at}`);
    }
  } finally {
    closeSync(fdA);
    closeSync(fdB);
  }
}
