import { mutation } from "../mutation.mjs";

const S3 = "backend-s3/src";

/** Security. */
export const N = [
  mutation("N3", `${S3}/connection.ts`, "rejectUnauthorized: !settings.skipVerify", "rejectUnauthorized: false", "backend-s3/test/trust.test.ts"),
  mutation("N5", `${S3}/endpoint.ts`, 'if (url.username !== "" || url.password !== "") throw', "if (false) throw", `${S3}/endpoint.test.ts`),
  mutation("N7", `${S3}/encryption.ts`, "if (hasKey && !connection.isEncrypted && !connection.isLocal)", "if (false)", `${S3}/settings.test.ts`),
  mutation("N14", `${S3}/create-only.ts`, 'if (!isLSError(error, "LS_STORAGE_DENIED")) throw error;', "throw error;", "backend-s3/test/faults.test.ts"),
];
