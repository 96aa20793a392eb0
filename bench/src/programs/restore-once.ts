import "@ls/backend-file";
import { restore } from "@ls/core/restore";

/** `litestream restore -o OUTPUT URL`, whose default is no integrity check. */
const [url, outputPath] = process.argv.slice(2);
if (url === undefined || outputPath === undefined) throw new Error("usage: restore-once URL OUTPUT");
await restore(url, { outputPath, integrityCheck: "none" });
