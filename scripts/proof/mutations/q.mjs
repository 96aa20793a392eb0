import { mutation } from "../mutation.mjs";

export const Q = [
  mutation(
    "Q1",
    "core/src/db/engine/wal-proof.ts",
    '  if (header.salt1 !== place.salt1 || header.salt2 !== place.salt2) return { refused: "the WAL was restarted" };\n',
    "  if (place.checksum !== undefined) return { position: { ...place, checksum: place.checksum } };\n",
    "core/test/engine-continuity.test.ts",
  ),
  mutation(
    "Q2",
    "core/src/restore/plan.ts",
    "point.timestamp.getTime() <= timestampMs;",
    "point.timestamp.getTime() < timestampMs;",
    "core/src/restore/plan.test.ts",
  ),
  mutation(
    "Q3",
    "core/src/restore/plan.ts",
    'if (next?.minTXID === newest.txid + 1n) return { reason: "gap", available, missing: next };',
    "",
    "core/src/restore/plan.test.ts",
  ),
  mutation(
    "Q4",
    "core/src/restore/restore-to.ts",
    'capabilities.timestamps === "listing";',
    'capabilities.timestamps !== "header";',
    "backend-s3/test/faults.test.ts",
  ),
  mutation("Q6", "core/src/restore/restore-to.ts", "      this.#exclude(error.file, error.message);\n", "", "testkit/test/restore.test.ts"),
  mutation("Q10", "backend-file/src/list.ts", "if (!stats.isFile()) return undefined;", "", "backend-file/src/client.test.ts"),
];
