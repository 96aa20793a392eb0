import { mutation } from "../mutation.mjs";

const S3 = "backend-s3/src";
const URL_TEST = `${S3}/url.test.ts`;
const PATH = "core/src/db/database-path.ts";
const PATH_TEST = "core/src/db/database-path.test.ts";
const OPTIONS = "core/src/options.ts";
const BAD_INPUT = "interop/test/bad-input.test.ts";
const STORE = "core/test/store.test.ts";

/** URLs and options. */
export const J = [
  mutation("J2", `${S3}/url.ts`, 'throw bad(name, "must be a whole number above 0");', "return number;", URL_TEST),
  mutation("J3", `${S3}/url.ts`, 'return name.replace(/[-_]/g, "").toLowerCase();', "return name;", URL_TEST),
  mutation("J4", "core/src/registry.ts", "/^([a-z][a-z0-9+.-]*):\\/\\//i", "/^([a-z][a-z0-9+.-]*):/i", BAD_INPUT),
  mutation("J5", PATH, "  if (sqlite !== undefined) return plainPath(withoutQuery(sqlite));\n", "", PATH_TEST),
  mutation("J5", PATH, "  if (uri !== undefined) return plainPath(decode(withoutHost(withoutQuery(uri))));\n", "", PATH_TEST),
  mutation("J6", `${S3}/url.ts`, 'storageClass: { option: "storageClass",', 'storageClass: { option: "region",', URL_TEST),
  mutation(
    "J7",
    `${S3}/environment.ts`,
    'set("LITESTREAM_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")',
    'set("AWS_ENDPOINT_URL")',
    `${S3}/settings.test.ts`,
  ),
  mutation("J8", `${S3}/providers.ts`, "hostname.endsWith(`.${suffix}`)", "hostname.endsWith(suffix)", `${S3}/endpoint.test.ts`),
  mutation("J9", `${S3}/endpoint.ts`, '["172.16.0.0", 12],', '["172.0.0.0", 8],', `${S3}/endpoint.test.ts`),
  mutation("J10", "core/src/db/db.ts", "onEvent: own.onEvent ?? onEvent,", "onEvent: onEvent ?? own.onEvent,", STORE),
  mutation("J10", "core/src/db/db.ts", "logger: given.logger ?? logger ?? own.logger,", "logger: own.logger,", STORE),
  mutation("J12", "core/src/db/destination-claims.ts", "if (holder === undefined) continue;", "continue;", STORE),
  mutation("J13 N1", `${S3}/url.ts`, 'rejectUnknownOptions("s3:// URL", { [given]: value }, Object.keys(PARAMETERS));', "", URL_TEST),
  mutation("J14", `${S3}/url.ts`, "posix.normalize(decoded(raw))", "posix.normalize(raw)", URL_TEST),
  mutation("J15", OPTIONS, " && value <= MAX_INTERVAL_MS)", ")", BAD_INPUT),
  mutation("J15", OPTIONS, "value >= MIN_INTERVAL_MS && value <= MAX_INTERVAL_MS)", "value <= MAX_INTERVAL_MS)", BAD_INPUT),
  mutation(
    "J16",
    OPTIONS,
    "export function checkIntervalMs(name: string, value: number | undefined, defaultValue: number): number {\n  if (value === undefined)",
    "export function checkIntervalMs(name: string, value: number | undefined, defaultValue: number): number {\n  if (!value)",
    "core/src/db/options.test.ts",
  ),
];
