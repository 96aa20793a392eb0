import { restore } from "@ls/core/restore";

/** `litestream restore -o OUTPUT URL`, whose default is no integrity check. */
const [url, outputPath] = process.argv.slice(2);
if (url === undefined || outputPath === undefined) throw new Error("usage: restore-once URL OUTPUT");
// One of them: what the other loads is not the restore's.
await (url.startsWith("s3:") ? import("@ls/backend-s3") : import("@ls/backend-file"));
await restore(url, { outputPath, integrityCheck: "none" });
