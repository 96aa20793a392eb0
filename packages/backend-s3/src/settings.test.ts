import { inspect } from "node:util";
import { S3Client } from "@aws-sdk/client-s3";
import { isLSError } from "@ls/core/backend-kit";
import { describe, expect, test } from "vitest";
import { S3ReplicaClient } from "./client.js";
import { readEnvironment } from "./environment.js";
import type { S3Options } from "./options.js";
import { checkedSettings, type Settings } from "./settings.js";
import { optionsFromURL } from "./url.js";

const KEY = Buffer.alloc(32, 7).toString("base64");

function settings(options: Partial<S3Options>, env: Record<string, string> = {}): Settings {
  return checkedSettings({ bucket: "b", ...options }, readEnvironment(env));
}

describe("precedence", () => {
  test.each([
    // [URL, environment, endpoint, region] (J7)
    ["s3://b/p", {}, undefined, "us-east-1"],
    ["s3://b/p", { LITESTREAM_S3_ENDPOINT: "localhost:9000" }, "http://localhost:9000", "us-east-1"],
    ["s3://b/p?endpoint=h.example", { LITESTREAM_S3_ENDPOINT: "localhost:9000" }, "https://h.example", "us-east-1"],
    ["s3://b/p", { AWS_ENDPOINT_URL: "https://a", AWS_ENDPOINT_URL_S3: "https://b" }, "https://b", "us-east-1"],
    ["s3://b/p", { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "x" }, undefined, "eu-west-1"],
    ["s3://b/p?region=r", { AWS_REGION: "eu-west-1" }, undefined, "r"],
    ["s3://b.nyc3.digitaloceanspaces.com/p", { AWS_REGION: "eu-west-1" }, "https://nyc3.digitaloceanspaces.com", "nyc3"],
    ["s3://b/p?endpoint=s3.eu-central-1.wasabisys.com", { AWS_REGION: "x" }, "https://s3.eu-central-1.wasabisys.com", "eu-central-1"],
    ["s3://b/p?endpoint=abc.r2.cloudflarestorage.com", {}, "https://abc.r2.cloudflarestorage.com", "auto"],
    ["s3://arn:aws:s3:us-east-2:1:accesspoint/ap/k", { AWS_REGION: "x", LITESTREAM_S3_ENDPOINT: "localhost:9000" }, undefined, "us-east-2"],
  ])("[J7] %s with %j", (url, env, endpoint, region) => {
    const checked = checkedSettings(optionsFromURL(url), readEnvironment(env));
    expect([checked.endpoint?.url, checked.region]).toEqual([endpoint, region]);
  });

  test.each([
    [{}, false],
    [{ endpoint: "localhost:1" }, true],
    [{ endpoint: "localhost:1", forcePathStyle: false }, false],
    [{ forcePathStyle: true }, true],
    [{ endpoint: "s3.us-west-002.backblazeb2.com" }, true],
    [optionsFromURL("s3://b.nyc3.digitaloceanspaces.com/p"), false],
    [optionsFromURL("s3://b.s3.filebase.com/p"), true],
    [optionsFromURL("s3://b.s3.us-west-002.backblazeb2.com/p?force-path-style=false"), false],
  ] satisfies [Partial<S3Options>, boolean][])("path style of %j is %s", (options, forcePathStyle) => {
    expect(settings(options).forcePathStyle).toBe(forcePathStyle);
  });

  test("[I4, I6] providers decide what no option says", () => {
    expect(settings({ endpoint: "t3.storage.dev" })).toMatchObject({ contentMD5: false, signPayload: true, concurrency: 5 });
    expect(settings({ endpoint: "t3.storage.dev", requireContentMD5: true }).contentMD5).toBe(true);
    expect(settings({ endpoint: "a.r2.cloudflarestorage.com" }).concurrency).toBe(2);
    expect(settings({ endpoint: "a.r2.cloudflarestorage.com", concurrency: 7 }).concurrency).toBe(7);
    expect(settings({})).toMatchObject({ contentMD5: true, signPayload: true, concurrency: 5, partSizeBytes: 5 * 1024 * 1024 });
  });

  test("[J14] credentials: options, then upstream's names where the SDK's are not set", () => {
    const litestream = { LITESTREAM_ACCESS_KEY_ID: "LK", LITESTREAM_SECRET_ACCESS_KEY: "LS" };
    expect(settings({}, litestream).credentials).toEqual({ accessKeyId: "LK", secretAccessKey: "LS" });
    expect(settings({ accessKeyId: "A", secretAccessKey: "S/+ %" }, litestream).credentials).toEqual({
      accessKeyId: "A",
      secretAccessKey: "S/+ %",
      sessionToken: undefined,
    });
    // The SDK's chain then finds them, with their session token.
    expect(settings({}, { ...litestream, AWS_ACCESS_KEY_ID: "A" }).credentials).toBeUndefined();
    expect(settings({}).credentials).toBeUndefined();
  });

  test("[Q9] certificate bundles", () => {
    const extra = { NODE_EXTRA_CA_CERTS: "/extra.pem" };
    expect(settings({}).caFiles).toEqual([]);
    // Node reads that one itself, unless it is given others.
    expect(settings({}, extra).caFiles).toEqual([]);
    expect(settings({ ca: "pem" }, extra).caFiles).toEqual(["/extra.pem"]);
    expect(settings({}, { AWS_CA_BUNDLE: "/bundle.pem", ...extra }).caFiles).toEqual(["/bundle.pem", "/extra.pem"]);
  });
});

test.each([
  ["bucket", { bucket: "" }],
  ["bucket", { bucket: "a/b" }],
  ["bucket", { bucket: "arn:aws:s3:::plain" }],
  ["path", { path: "/x" }],
  ["path", { path: "x/" }],
  ["path", { path: "s3://other/x" }],
  ["path", { path: "a\u0000b" }],
  ["endpoint", { endpoint: "" }],
  ["forcePathStyle", { bucket: "arn:aws:s3:us-east-2:1:accesspoint/ap", forcePathStyle: true }],
  ["accessKeyId", { accessKeyId: "A" }],
  ["accessKeyId", { secretAccessKey: "S" }],
  ["credentials", { credentials: async () => ({ accessKeyId: "A", secretAccessKey: "S" }), accessKeyId: "A" }],
  ["partSizeBytes", { partSizeBytes: 5 * 1024 * 1024 - 1 }],
  ["partSizeBytes", { partSizeBytes: 0 }],
  ["concurrency", { concurrency: 0 }],
  ["idleTimeoutMs", { idleTimeoutMs: 2 ** 31 }],
  ["sseCustomerKey", { sseCustomerKey: "short" }],
  ["sseCustomerKey", { sseCustomerKey: Buffer.alloc(16).toString("base64") }],
  ["sseCustomerKey", { sseCustomerAlgorithm: "AES256" }],
  ["sseCustomerAlgorithm", { sseCustomerAlgorithm: "AES128", sseCustomerKey: KEY }],
  ["sseCustomerKeyMD5", { sseCustomerKey: KEY, sseCustomerKeyMD5: "AAAAAAAAAAAAAAAAAAAAAA==" }],
  ["sseCustomerKeyPath", { sseCustomerKey: KEY, sseCustomerKeyPath: "/k" }],
  ["sseKmsKeyId", { sseCustomerKey: KEY, sseKmsKeyId: "k" }],
  ["sseCustomerKey", { sseCustomerKey: KEY, endpoint: "http://public.example" }],
  ["client", { client: new S3Client({}), endpoint: "h" }],
  ["regoin", { regoin: "x" }],
] as [string, Partial<S3Options>][])("[N7, J13] refuses an impossible %s: %j", (option, options) => {
  let thrown: unknown;
  try {
    settings(options);
  } catch (error) {
    thrown = error;
  }
  expect(isLSError(thrown, "LS_INVALID_OPTION")).toBe(true);
  // `as`: the line above has looked. What a given client has decided is named by its own name.
  const named = (thrown as { details: { option: string } }).details.option;
  expect(named).toBe(option === "client" ? "endpoint" : option);
  expect(String(thrown)).not.toContain(KEY);
});

test("[N7] a customer key may go over plain http to this machine only", () => {
  expect(settings({ sseCustomerKey: KEY, endpoint: "http://127.0.0.1:9000" }).encryption.forRead).toMatchObject({ SSECustomerAlgorithm: "AES256" });
  expect(settings({ sseCustomerKey: KEY, endpoint: "https://public.example" }).encryption.forWrite).toMatchObject({ SSECustomerKey: KEY });
  expect(settings({ sseKmsKeyId: "k" }).encryption.forRead).toEqual({});
});

test("two clients of one place have one destination, of two places two", () => {
  const at = (url: string): string => checkedSettings(optionsFromURL(url), readEnvironment({})).destination;
  expect(at("s3://b/p?endpoint=localhost:9000")).toBe(at("s3://b.localhost:9000/p"));
  expect(at("s3://b/p")).not.toBe(at("s3://b/p?endpoint=localhost:9000"));
  expect(at("s3://b/p/q")).toBe("s3://b/p/q");
});

test("[N6] nothing secret shows", () => {
  const client = new S3ReplicaClient({ bucket: "b", path: "p", accessKeyId: "AKIA1", secretAccessKey: "hunter2", sessionToken: "token3", sseCustomerKey: KEY });
  const shown = inspect(client, { depth: Number.POSITIVE_INFINITY, showHidden: true }) + JSON.stringify(client) + client.destination;
  for (const secret of ["AKIA1", "hunter2", "token3", KEY]) expect(shown).not.toContain(secret);
});
