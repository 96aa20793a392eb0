import { mutation } from "../mutation.mjs";

const S3 = "backend-s3/src";
const WIRE = "backend-s3/test/wire.test.ts";
const FAULTS = "backend-s3/test/faults.test.ts";
const SERVERS = "backend-s3/test/servers.test.ts";
const FILE_TEST = "backend-file/src/client.test.ts";
const LAYOUT = "core/src/backend-kit/key-layout.ts";

/** Storage services. */
export const I = [
  mutation(
    "I0",
    "conformance/src/cases/list.ts",
    '      assert.equal(await listedNames(client), "1-1 1-5 2-3 4-8 9-9 10-10 ff-100");\n',
    "",
    "conformance/test/broken-reading.test.ts",
  ),
  mutation(
    "I1",
    `${S3}/endpoint.ts`,
    'withScheme ? url.protocol : isLocal ? "http:" : "https:"',
    'withScheme ? url.protocol : "https:"',
    `${S3}/endpoint.test.ts`,
  ),
  mutation("I2", `${S3}/connection.ts`, 'contentMD5 && "delete" in', 'false && "delete" in', WIRE),
  mutation("I3 I4", `${S3}/settings.ts`, "signPayload: options.signPayload ?? true", "signPayload: options.signPayload ?? false", WIRE),
  mutation("I5 I6", `${S3}/settings.ts`, 'whole("partSizeBytes", options.partSizeBytes,', 'whole("partSizeBytes", undefined,', WIRE),
  mutation("I7", `${S3}/write.ts`, "const size = first.isLast\n", "const size = first.isLast && false\n", FAULTS),
  mutation("I7", "core/src/backend-kit/part-reader.ts", "sizeHint ?? FIRST_BYTES", "sizeHint ?? partBytes", "core/src/backend-kit/part-reader.test.ts"),
  mutation("I8", `${S3}/connection.ts`, "maxAttempts: 1,", "maxAttempts: 3,", FAULTS),
  mutation("I9", `${S3}/url.ts`, "return { ...placeFromARN(place), ...parameters };", "return placeFromARN(place);", `${S3}/url.test.ts`),
  mutation("I10", `${S3}/connection.ts`, "this.#settings.learnsRegion ? regionToldBy(error) : undefined", "undefined", WIRE),
  mutation("I11", `${S3}/connection.ts`, "if (provider.dropsAcceptEncoding) drop(", "if (false) drop(", WIRE),
  mutation("I12", `${S3}/write.ts`, "Body: bytes, ContentLength: bytes.length,", "Body: new Blob([bytes]).stream(),", WIRE),
  mutation("I13", `${S3}/providers.ts`, 'name === "tigris" ? { "X-Tigris-Consistent": "true" } : {}', '{ "X-Tigris-Consistent": "true" }', WIRE),
  mutation("I14 I22", `${S3}/conflict.ts`, 'if (etag === undefined || etag === "")', "if (false)", FAULTS),
  mutation("I15", `${S3}/connection.ts`, "...(expiration === undefined ? {} : { expiration }),", "", WIRE),
  mutation("I16", `${S3}/object-input.ts`, "...settings.encryption.forWrite,", "", WIRE),
  mutation("I17", `${S3}/object-input.ts`, "...(settings.storageClass === undefined ? {} : { StorageClass: settings.storageClass }),", "", WIRE),
  mutation("I18 Q9", `${S3}/trust.ts`, "[...rootCertificates, ...given]", "[...rootCertificates]", "backend-s3/test/trust.test.ts"),
  mutation("I19", `${S3}/connection.ts`, "(await client?.catch(() => undefined))?.destroy();", "await client?.catch(() => undefined);", FAULTS),
  mutation(
    "I19",
    `${S3}/connection.ts`,
    "httpAgent: agent,",
    'httpAgent: Object.assign(new (process.getBuiltinModule("node:http").Agent)(agent), { keepSocketAlive: () => true }),',
    SERVERS,
  ),
  mutation("I20", `${S3}/list.ts`, "} while (token !== undefined);", "} while (false);", FAULTS),
  mutation(
    "I21",
    LAYOUT,
    "return key.startsWith(prefix) ? parseLTXFilename(",
    "return key.length > 0 ? parseLTXFilename(",
    "core/src/backend-kit/key-layout.test.ts",
  ),
  mutation("I21", `${S3}/delete.ts`, "(layout.holds(level, key) ? [key] : [])", "[key]", SERVERS),
  mutation("I23 O5", `${S3}/conflict.ts`, "if (mayBeOurs && (await isSameContent(", "if (false && (await isSameContent(", FAULTS),
  mutation("I24", `${S3}/read.ts`, "size: size === 0 ? undefined : size,", "size,", SERVERS),
  mutation("I25", `${S3}/connection.ts`, "      socketTimeout: settings.idleTimeoutMs,\n", "", FAULTS),
  mutation("I25", `${S3}/connection.ts`, "new StallWatch(signal, { idleMs: limitMs });", "new StallWatch(signal, { idleMs: 3_600_000 });", FAULTS),
  mutation("I35", "backend-file/src/write-file.ts", "await rm(temp, { force: true }).catch(", "await Promise.resolve().catch(", FILE_TEST),
  mutation("I36", "backend-file/src/list.ts", 'if (systemErrorCode(error) === "ENOENT") return [];', "return [];", FILE_TEST),
  mutation(
    "I37",
    "core/src/store/watch/is-database.ts",
    'if (isLSError(error, "LS_NOT_A_DATABASE")) return false;',
    "return true;",
    "interop/test/destination-inside.test.ts",
  ),
];
