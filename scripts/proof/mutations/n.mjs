import { mutation } from "../mutation.mjs";

const S3 = "backend-s3/src";
const OUTPUT = "core/src/restore/file-output.ts";
const RESTORE = "testkit/test/restore.test.ts";
const FILE_TEST = "backend-file/src/client.test.ts";

/** Security. */
export const N = [
  mutation("N3", `${S3}/connection.ts`, "rejectUnauthorized: !settings.skipVerify", "rejectUnauthorized: false", "backend-s3/test/trust.test.ts"),
  mutation("N5", `${S3}/endpoint.ts`, 'if (url.username !== "" || url.password !== "") throw', "if (false) throw", `${S3}/endpoint.test.ts`),
  mutation("N6", `${S3}/errors.ts`, "cause: summary(error, failure),", "cause: error,", "backend-s3/test/servers.test.ts"),
  mutation("N6", `${S3}/url.ts`, 'throw invalid("credentials do not', 'throw invalid(`${host}: ` + "credentials do not', `${S3}/url.test.ts`),
  mutation("N7", `${S3}/encryption.ts`, "if (hasKey && !connection.isEncrypted && !connection.isLocal)", "if (false)", `${S3}/settings.test.ts`),
  mutation("N8", "core/src/restore/apply.ts", "if (header.commit > this.#plan.bytes / (10 + header.pageSize / 255) + 1)", "if (false)", RESTORE),
  mutation(
    "N9",
    "core/src/backend-kit/key-layout.ts",
    "parseLTXFilename(key.slice(prefix.length))",
    'parseLTXFilename(key.slice(key.lastIndexOf("/") + 1))',
    "core/src/backend-kit/key-layout.test.ts",
  ),
  mutation("N10", OUTPUT, "handle.chmod(0o600)", "handle.chmod(0o644)", RESTORE),
  mutation("N10", OUTPUT, "mkdir(directory, 0o700)", "mkdir(directory)", RESTORE),
  mutation(
    "N10",
    "backend-file/src/directory.ts",
    "return { fileMode: 0o600, directoryMode: 0o700,",
    "return { fileMode: 0o644, directoryMode: 0o755,",
    FILE_TEST,
  ),
  mutation("N12", OUTPUT, 'open(path, "wx", 0o600)', 'open(path, "w", 0o600)', RESTORE),
  mutation(
    "N12",
    "backend-file/src/write-file.ts",
    'openDescriptor(temp, "wx", ownership.fileMode)',
    'openDescriptor(temp, "w", ownership.fileMode)',
    FILE_TEST,
  ),
  mutation("N14", `${S3}/create-only.ts`, 'if (!isLSError(error, "LS_STORAGE_DENIED")) throw error;', "throw error;", "backend-s3/test/faults.test.ts"),
];
