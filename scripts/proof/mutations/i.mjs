import { mutation } from "../mutation.mjs";

const S3 = "backend-s3/src";
const WIRE = "backend-s3/test/wire.test.ts";
const FAULTS = "backend-s3/test/faults.test.ts";

/** Storage services. */
export const I = [
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
  mutation("I9", `${S3}/url.ts`, "return { ...placeFromARN(place), ...parameters };", "return placeFromARN(place);", `${S3}/url.test.ts`),
  mutation("I10", `${S3}/connection.ts`, "this.#settings.learnsRegion ? regionToldBy(error) : undefined", "undefined", WIRE),
  mutation("I11", `${S3}/connection.ts`, "if (provider.dropsAcceptEncoding) drop(", "if (false) drop(", WIRE),
  mutation("I13", `${S3}/providers.ts`, 'name === "tigris" ? { "X-Tigris-Consistent": "true" } : {}', '{ "X-Tigris-Consistent": "true" }', WIRE),
  mutation("I14 I22", `${S3}/conflict.ts`, 'if (etag === undefined || etag === "")', "if (false)", FAULTS),
  mutation("I15", `${S3}/connection.ts`, "...(expiration === undefined ? {} : { expiration }),", "", WIRE),
  mutation("I16", `${S3}/object-input.ts`, "...settings.encryption.forWrite,", "", WIRE),
  mutation("I17", `${S3}/object-input.ts`, "...(settings.storageClass === undefined ? {} : { StorageClass: settings.storageClass }),", "", WIRE),
  mutation("I18 Q9", `${S3}/trust.ts`, "[...rootCertificates, ...given]", "[...rootCertificates]", "backend-s3/test/trust.test.ts"),
  mutation("I20", `${S3}/list.ts`, "} while (token !== undefined);", "} while (false);", FAULTS),
  mutation("I23 O5", `${S3}/conflict.ts`, "if (mayBeOurs && (await isSameContent(", "if (false && (await isSameContent(", FAULTS),
];
