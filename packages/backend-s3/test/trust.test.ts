import { writeFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { isLSError } from "@ls/core/backend-kit";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type S3Server, startVersitygw, type ThrowawayCertificates, throwawayCertificates, versitygwOrSkip } from "../../../testkit/src/servers/index.js";
import { type TempDir, tempDir } from "../../../testkit/src/tmp.js";
import { sourceChild } from "../../core/test/source-child.js";
import { trustedCertificates } from "../src/trust.js";
import { clientOf, failure, inChunks, listed, ltx, ref } from "./support.js";

const binary = versitygwOrSkip();

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.skipIf(binary === undefined)("a service with a private certificate authority", () => {
  let certificates: ThrowawayCertificates;
  let strangers: ThrowawayCertificates;
  let server: S3Server;
  let dir: TempDir;

  beforeAll(async () => {
    [certificates, strangers] = await Promise.all([throwawayCertificates(), throwawayCertificates([], "somebody else")]);
    server = await startVersitygw(binary ?? "", { certificates });
    dir = tempDir("ca");
    writeFileSync(dir.file("ca.pem"), certificates.ca);
    writeFileSync(dir.file("stranger.pem"), strangers.ca);
  });
  afterAll(async () => {
    dir[Symbol.dispose]();
    await server.stop();
  });

  /** Writes and lists once with the environment as it is. */
  async function failureWith(options: Parameters<typeof clientOf>[2]): Promise<unknown> {
    const client = clientOf(server, "p", options);
    try {
      return await failure(client.writeLTXFile(ref(1n), inChunks(await ltx(1n))).then(() => listed(client)));
    } finally {
      await client.close();
    }
  }

  function isUntrusted(error: unknown): boolean {
    return isLSError(error, "LS_STORAGE_UNAVAILABLE") && !error.retryable && /certificate is not trusted/.test(error.message);
  }

  test("[I18, N3] is not trusted by itself, and the error says what to do", async () => {
    const error = await failureWith({});
    expect(isUntrusted(error), String(error)).toBe(true);
    expect(String(error)).toContain("AWS_CA_BUNDLE");
  });

  test("[I18] is trusted by the option ca", async () => {
    expect(await failureWith({ ca: certificates.ca })).toBeUndefined();
    expect(isUntrusted(await failureWith({ ca: strangers.ca }))).toBe(true);
  });

  test("[N3] is not verified where skipVerify says so, and only there", async () => {
    expect(await failureWith({ skipVerify: true })).toBeUndefined();
    expect(isUntrusted(await failureWith({ skipVerify: false }))).toBe(true);
  });

  test("[Q9, I18] is trusted by AWS_CA_BUNDLE", async () => {
    vi.stubEnv("AWS_CA_BUNDLE", dir.file("ca.pem"));
    expect(await failureWith({})).toBeUndefined();
    vi.stubEnv("AWS_CA_BUNDLE", dir.file("stranger.pem"));
    expect(isUntrusted(await failureWith({}))).toBe(true);
  });

  test("[Q9] is trusted by NODE_EXTRA_CA_CERTS, alone and beside another authority of the option or of AWS_CA_BUNDLE", async () => {
    vi.stubEnv("NODE_EXTRA_CA_CERTS", dir.file("ca.pem"));
    expect(await failureWith({ ca: strangers.ca })).toBeUndefined();
    vi.stubEnv("AWS_CA_BUNDLE", dir.file("stranger.pem"));
    expect(await failureWith({})).toBeUndefined();
    vi.stubEnv("AWS_CA_BUNDLE", undefined);
    // Node reads it when it starts.
    const modules = { support: new URL("./support.ts", import.meta.url).pathname };
    const { endpoint, bucket, accessKeyId, secretAccessKey } = server;
    const script = `const client = support.clientOf(data, "child"); say(String(await support.failure(support.listed(client)))); await client.close();`;
    const child = sourceChild(modules, script, { endpoint, bucket, accessKeyId, secretAccessKey });
    expect(await child.next()).toBe("undefined");
    expect(await child.exited).toBe(0);
  });

  test.each([
    ["is not there", "no-such.pem", undefined],
    ["holds no certificate", "empty.pem", "nothing"],
  ])("[Q9] a bundle that %s is an option that cannot be", async (_, name, content) => {
    if (content !== undefined) writeFileSync(dir.file(name), content);
    vi.stubEnv("AWS_CA_BUNDLE", dir.file(name));
    const error = await failureWith({});
    expect(isLSError(error, "LS_INVALID_OPTION") && error.details.option).toBe("ca");
  });
});

test("clients with the same certificates share what was parsed; a file that was replaced is read again", async () => {
  using dir = tempDir("ca");
  const bundle = dir.file("bundle.pem");
  const [one, other] = [rootCertificates[0] ?? "", rootCertificates[1] ?? ""];
  writeFileSync(bundle, one);
  const first = await trustedCertificates(undefined, [bundle]);
  expect(await trustedCertificates(undefined, [bundle])).toBe(first);
  expect(await trustedCertificates(one, [])).toBe(first);
  writeFileSync(bundle, other);
  expect(await trustedCertificates(undefined, [bundle])).not.toBe(first);
  expect(await trustedCertificates(undefined, [])).toBeUndefined();
});
