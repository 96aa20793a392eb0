import { isLSError } from "@ls/core/backend-kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { optionsFromURL } from "./url.js";

function failure(url: string): unknown {
  try {
    optionsFromURL(url);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("places", () => {
  // The first block is what upstream's own parser answered to these inputs.
  test.each([
    ["s3://bucket", { bucket: "bucket", path: "." }],
    ["s3://bucket/", { bucket: "bucket", path: "" }],
    ["s3://bucket/a/b/", { bucket: "bucket", path: "a/b" }],
    ["s3://bucket//a//b", { bucket: "bucket", path: "a/b" }],
    ["s3://bucket/../x", { bucket: "bucket", path: "x" }],
    ["s3://bu_cket/p%20q", { bucket: "bu_cket", path: "p q" }],
    ["s3://bucket/a%2Fb", { bucket: "bucket", path: "a/b" }],
    ["s3://bucket/a?#frag", { bucket: "bucket", path: "a" }],
    ["S3://Bucket/P", { bucket: "Bucket", path: "P" }],
    ["s3://bucket/a+b/ü %25#x", { bucket: "bucket", path: "a+b/ü %" }],
    ["s3://bucket/a/%23b%3Fc", { bucket: "bucket", path: "a/#b?c" }],
  ])("%s", (url, expected) => {
    expect(optionsFromURL(url)).toEqual(expected);
  });

  test.each([
    ["s3://b.localhost:9000/p", { bucket: "b", endpoint: "http://localhost:9000", region: "us-east-1", forcePathStyle: true }],
    ["s3://b.minio.internal:9000/p", { bucket: "b", endpoint: "http://minio.internal:9000", region: "us-east-1", forcePathStyle: true }],
    ["s3://b.s3.amazonaws.com/p", { bucket: "b", forcePathStyle: false }],
    ["s3://b.with.dots.s3.eu-west-1.amazonaws.com/p", { bucket: "b.with.dots", region: "eu-west-1", forcePathStyle: false }],
    ["s3://b.s3-eu-west-1.amazonaws.com/p", { bucket: "b", region: "eu-west-1", forcePathStyle: false }],
    ["s3://b.s3.dualstack.eu-west-1.amazonaws.com/p", { bucket: "b", region: "eu-west-1", forcePathStyle: false }],
    ["s3://b.s3.cn-north-1.amazonaws.com.cn/p", { bucket: "b", region: "cn-north-1", forcePathStyle: false }],
    ["s3://b.nyc3.digitaloceanspaces.com/p", { bucket: "b", region: "nyc3", endpoint: "https://nyc3.digitaloceanspaces.com", forcePathStyle: false }],
    [
      "s3://b.s3.us-west-002.backblazeb2.com/p",
      { bucket: "b", region: "us-west-002", endpoint: "https://s3.us-west-002.backblazeb2.com", forcePathStyle: true },
    ],
    ["s3://b.s3.filebase.com/p", { bucket: "b", endpoint: "https://s3.filebase.com", forcePathStyle: true }],
    ["s3://b.s3.fr-par.scw.cloud/p", { bucket: "b", region: "fr-par", endpoint: "https://s3.fr-par.scw.cloud", forcePathStyle: false }],
    // Look-alikes are buckets.
    ["s3://b.s3.amazonaws.com.evil.org/p", { bucket: "b.s3.amazonaws.com.evil.org" }],
    ["s3://b.evil-s3.filebase.com/p", { bucket: "b.evil-s3.filebase.com" }],
  ])("%s", (url, expected) => {
    expect(optionsFromURL(url)).toEqual({ ...expected, path: "p" });
  });

  test.each([
    ["s3://arn:aws:s3:us-east-2:123456789012:accesspoint/my-ap", "arn:aws:s3:us-east-2:123456789012:accesspoint/my-ap", ""],
    ["s3://arn:aws:s3:us-east-2:123456789012:accesspoint/my-ap/", "arn:aws:s3:us-east-2:123456789012:accesspoint/my-ap", ""],
    ["s3://arn:aws:s3:us-east-2:123456789012:accesspoint/My-AP//x/../y", "arn:aws:s3:us-east-2:123456789012:accesspoint/My-AP", "y"],
    ["s3://ARN:aws:s3:us-east-2:1:AccessPoint/ap/k", "ARN:aws:s3:us-east-2:1:AccessPoint/ap", "k"],
  ])("access point %s", (url, bucket, path) => {
    expect(optionsFromURL(url)).toEqual({ bucket, path });
  });

  test.each([
    "s3://",
    "s3:bucket/x",
    "s3:///path",
    "s3://127.0.0.1:9000/p",
    "s3://host:9000/p",
    "s3://s3.filebase.com/p",
    "s3://b/%zz",
    "s3://b/a\nb",
    "s3://arn:aws:s3:::accesspoint/",
    "s3://arn:aws:s3:::bucket/x",
    "http://b/x",
  ])("refuses %j", (url) => expect(isLSError(failure(url), "LS_INVALID_URL")).toBe(true));

  test("[N6] refuses credentials, and does not repeat them", () => {
    const error = failure("s3://AKIAEXAMPLE:hunter2@bucket/p");
    expect(isLSError(error, "LS_INVALID_URL")).toBe(true);
    expect(String(error)).not.toMatch(/AKIAEXAMPLE|hunter2/);
  });

  test("[J14] any path survives the way into a URL and back", () => {
    const segment = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !/^\.{1,2}$|[/\p{Cc}\p{Cs}]/u.test(text));
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        const url = `s3://bucket/${segments.map(encodeURIComponent).join("/")}`;
        expect(optionsFromURL(url).path).toBe(segments.join("/"));
      }),
    );
  });
});

describe("parameters", () => {
  const key = Buffer.alloc(32, 0xfb).toString("base64");

  test("[J6] each one is the option of its name", () => {
    const query = `endpoint=h:1&region=r&forcePathStyle=t&skipVerify=yes&signPayload=0&requireContentMD5=No&concurrency=3&partSize=6000000&storageClass=GLACIER_IR&sseCustomerAlgorithm=AES256&sseCustomerKey=${key}&sseCustomerKeyMD5=a%2Bb&sseKmsKeyId=k`;
    expect(optionsFromURL(`s3://b/p?${query}`)).toEqual({
      bucket: "b",
      path: "p",
      endpoint: "h:1",
      region: "r",
      forcePathStyle: true,
      skipVerify: true,
      signPayload: false,
      requireContentMD5: false,
      concurrency: 3,
      partSizeBytes: 6_000_000,
      storageClass: "GLACIER_IR",
      sseCustomerAlgorithm: "AES256",
      sseCustomerKey: key,
      sseCustomerKeyMD5: "a+b",
      sseKmsKeyId: "k",
    });
  });

  test.each([
    ["force-path-style=true", { forcePathStyle: true }],
    ["force_path_style=false", { forcePathStyle: false }],
    ["part-size=5242880", { partSizeBytes: 5_242_880 }],
    ["sse-customer-key-md5=x", { sseCustomerKeyMD5: "x" }],
    ["sse-kms-key-id=x", { sseKmsKeyId: "x" }],
    ["require-content-md5=f", { requireContentMD5: false }],
    ["region=", {}],
    ["partSize=6000000&part-size=6000000", { partSizeBytes: 6_000_000 }],
  ])("[J3] other spellings: %s", (query, expected) => {
    expect(optionsFromURL(`s3://b/p?${query}`)).toEqual({ bucket: "b", path: "p", ...expected });
  });

  test("[I9] a parameter counts more than the host, also at an access point", () => {
    expect(optionsFromURL("s3://b.localhost:9000/p?region=x&endpoint=https://other").endpoint).toBe("https://other");
    expect(optionsFromURL("s3://arn:aws:s3:us-east-2:1:accesspoint/ap/k?sign-payload=false")).toMatchObject({ path: "k", signPayload: false });
  });

  test.each([
    ["partSize=5MB", "partSize"],
    ["partSize=-1", "partSize"],
    ["partSize=0", "partSize"],
    ["partSize=1e9", "partSize"],
    ["concurrency=many", "concurrency"],
    ["signPayload=maybe", "signPayload"],
    ["partSize=6000000&part-size=7000000", "partSize"],
    ["regoin=eu-west-1", "regoin"],
    ["age=key", "age"],
  ])("[J2, J3, J13, N1] refuses %s", (query, option) => {
    const error = failure(`s3://b/p?${query}`);
    expect(isLSError(error, "LS_INVALID_OPTION") && error.details.option).toBe(option);
  });

  test("suggests what was meant", () => {
    expect(String(failure("s3://b/p?regoin=x"))).toContain('did you mean "region"?');
  });
});
