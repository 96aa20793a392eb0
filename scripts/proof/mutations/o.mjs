import { mutation } from "../mutation.mjs";

const S3 = "backend-s3/src";

/** Leases and fencing. */
export const O = [
  mutation("O6", `${S3}/write.ts`, '...(isConditional ? { IfNoneMatch: "*" } : {}) };', "};", "backend-s3/test/servers.test.ts"),
  mutation(
    "O7",
    `${S3}/create-only.ts`,
    'const isSupported = (await this.#store()) === "refused";',
    "const isSupported = true;",
    "backend-s3/test/servers.test.ts",
  ),
];
