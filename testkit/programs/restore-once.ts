import "@ls/backend-file";
import { restore } from "@ls/core/restore";

/** Restores one replica in a process of its own and prints what it cost, as one line of JSON. Arguments: replica URL, output path. */
const [url, outputPath] = process.argv.slice(2);
if (url === undefined || outputPath === undefined) throw new Error("usage: restore-once <replica url> <output path>");
const started = process.hrtime.bigint();
const { txid, bytes } = await restore(url, { outputPath });
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
process.stdout.write(
  `${JSON.stringify({
    txid: String(txid),
    bytes,
    peakRssBytes: maxRSS * 1024,
    cpuMs: Math.round((userCPUTime + systemCPUTime) / 1000),
    wallMs: Math.round(Number(process.hrtime.bigint() - started) / 1e6),
  })}\n`,
);
