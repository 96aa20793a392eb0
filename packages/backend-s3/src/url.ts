import { posix } from "node:path";
import { LSError, rejectUnknownOptions } from "@ls/core/backend-kit";
import { placeFromHost } from "./host.js";
import type { S3Options } from "./options.js";

type Kind = "text" | "boolean" | "integer" | "base64";

/** Query parameters, by upstream's names. Hyphens, underscores and capitals make no difference: `partSize`, `part-size`. */
const PARAMETERS: Readonly<Record<string, { readonly option: keyof S3Options; readonly kind: Kind }>> = {
  endpoint: { option: "endpoint", kind: "text" },
  region: { option: "region", kind: "text" },
  forcePathStyle: { option: "forcePathStyle", kind: "boolean" },
  skipVerify: { option: "skipVerify", kind: "boolean" },
  signPayload: { option: "signPayload", kind: "boolean" },
  requireContentMD5: { option: "requireContentMD5", kind: "boolean" },
  concurrency: { option: "concurrency", kind: "integer" },
  partSize: { option: "partSizeBytes", kind: "integer" },
  storageClass: { option: "storageClass", kind: "text" },
  sseCustomerAlgorithm: { option: "sseCustomerAlgorithm", kind: "text" },
  sseCustomerKey: { option: "sseCustomerKey", kind: "base64" },
  sseCustomerKeyMD5: { option: "sseCustomerKeyMD5", kind: "base64" },
  sseKmsKeyId: { option: "sseKmsKeyId", kind: "text" },
};
const NAMES = new Map(Object.keys(PARAMETERS).map((name) => [plain(name), name]));
const YES = /^(?:true|1|t|yes)$/i;
const NO = /^(?:false|0|f|no)$/i;

/**
 * The options that an `s3://` URL stands for: `s3://bucket/path?parameters`, also with the host of a service, or the ARN of an access point.
 * @throws LSError `LS_INVALID_URL`, or `LS_INVALID_OPTION` for a parameter.
 */
export function optionsFromURL(url: string): S3Options {
  const [, rest = ""] = /^s3:\/\/(.*)$/is.exec(url) ?? [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those characters are refused, as Go's parser does.
  if (rest === "" || /[\u0000-\u001f\u007f]/.test(rest)) throw invalid("an S3 URL reads s3://bucket/path");
  const [beforeFragment] = cut(rest, "#");
  const [place, query] = cut(beforeFragment, "?");
  const parameters = optionsFromQuery(query);
  if (/^arn:/i.test(place)) return { ...placeFromARN(place), ...parameters };
  const slash = place.indexOf("/");
  const host = slash === -1 ? place : place.slice(0, slash);
  if (host.includes("@"))
    throw invalid("credentials do not belong into an S3 URL, where they end up in logs; use the environment or the options of S3ReplicaClient");
  const { bucket, ...fromHost } = placeFromHost(decoded(host));
  if (bucket === "") throw invalid("the S3 URL names no bucket");
  return { ...fromHost, bucket, path: cleanedPath(slash === -1 ? "" : place.slice(slash)), ...parameters };
}

/** As upstream derives it: decoded, cleaned as a path, one leading slash off. So `s3://bucket` has the path `.`, and `s3://bucket/` none. */
function cleanedPath(raw: string): string {
  const path = posix.normalize(decoded(raw));
  return (path.length > 1 ? path.replace(/\/$/, "") : path).replace(/^\//, "");
}

/** `arn:…:accesspoint/name/key…`: the bucket is everything up to the name. */
function placeFromARN(place: string): S3Options {
  const match = /^(arn:.*?:accesspoint\/)([^/]+)(?:\/(.*))?$/is.exec(place);
  const [, head, name, key = ""] = match ?? [];
  if (head === undefined || name === undefined) throw invalid("the ARN of an access point reads arn:aws:s3:region:account:accesspoint/name");
  return { bucket: head + name, path: key === "" ? "" : cleanedPath(`/${key}`) };
}

function optionsFromQuery(query: string): Partial<S3Options> {
  const found = new Map<string, string>();
  for (const [given, value] of new URLSearchParams(query)) {
    const name = NAMES.get(plain(given));
    if (name === undefined) {
      rejectUnknownOptions("s3:// URL", { [given]: value }, Object.keys(PARAMETERS));
      continue;
    }
    if (value === "") continue;
    const before = found.get(name);
    if (before !== undefined && before !== value) throw bad(name, "is given twice, with different values");
    found.set(name, value);
  }
  const options: Record<string, string | number | boolean> = {};
  for (const [name, value] of found) {
    const parameter = PARAMETERS[name];
    if (parameter !== undefined) options[parameter.option] = parsedValue(name, parameter.kind, value);
  }
  // `as`: the table above says which type each option has.
  return options as Partial<S3Options>;
}

function parsedValue(name: string, kind: Kind, value: string): string | number | boolean {
  switch (kind) {
    case "text":
      return value;
    case "base64":
      // In a query a plus that is not escaped stands for a space, which no base64 holds.
      return value.replaceAll(" ", "+");
    case "boolean":
      if (YES.test(value)) return true;
      if (NO.test(value)) return false;
      throw bad(name, "must be true or false");
    case "integer": {
      const number = Number(value);
      if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number > 0) return number;
      throw bad(name, "must be a whole number above 0");
    }
  }
}

function plain(name: string): string {
  return name.replace(/[-_]/g, "").toLowerCase();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("a % in an S3 URL is followed by two hex digits");
  }
}

function cut(text: string, separator: string): [before: string, after: string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function bad(parameter: string, why: string): LSError {
  return new LSError("LS_INVALID_OPTION", `parameter ${parameter} of the s3:// URL ${why}`, { details: { option: parameter } });
}

function invalid(why: string): LSError {
  return new LSError("LS_INVALID_URL", why);
}
