import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { Connection } from "../src/connection.js";
import { CreateOnlyProbe } from "../src/create-only.js";
import { deleteKeys } from "../src/delete.js";
import { listFiles } from "../src/list.js";
import type { S3Options } from "../src/options.js";
import type { Place } from "../src/place.js";
import { checkedSettings } from "../src/settings.js";
import { optionsFromURL } from "../src/url.js";
import { writeObject } from "../src/write.js";
import { bytesOf, inChunks, ltx, ref } from "./support.js";

interface Sent {
  readonly method: string;
  readonly hostname: string;
  readonly path: string;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | string | undefined;
}

interface Reply {
  readonly statusCode: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const OK: Reply = { statusCode: 200, headers: { etag: '"e"' } };
const LISTING: Reply = { statusCode: 200, body: "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>" };
const CREATED: Reply = { statusCode: 200, body: "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>" };
const COMPLETED: Reply = { statusCode: 200, body: "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>" };

/** What would go over the wire to services that no test can reach: everything real up to the socket. */
async function recorded(options: S3Options, work: (place: Place) => Promise<unknown>, reply: (sent: Sent) => Reply = standard): Promise<Sent[]> {
  const settings = checkedSettings(
    { accessKeyId: "A", secretAccessKey: "S", ...options },
    { endpoint: undefined, region: undefined, credentials: undefined, caBundle: undefined, extraCACerts: undefined },
  );
  const connection = new Connection(settings);
  const client = await connection.open();
  const sent: Sent[] = [];
  client.config.requestHandler = {
    ...client.config.requestHandler,
    handle: async (request: unknown) => {
      // `as`: the SDK's own request, of which the interface names a part.
      const one = request as Sent;
      sent.push(one);
      const { statusCode, headers = {}, body = "" } = reply(one);
      return { response: { statusCode, headers, body: Readable.from([new TextEncoder().encode(body)]) } as never };
    },
  } as typeof client.config.requestHandler;
  await work({ settings, connection });
  return sent;
}

function standard({ method, query }: Sent): Reply {
  if ("uploads" in query) return CREATED;
  if (method === "POST") return "delete" in query ? { statusCode: 200, body: "<DeleteResult></DeleteResult>" } : COMPLETED;
  return method === "GET" ? LISTING : OK;
}

const write = (pages: number) => async (place: Place) => writeObject(place, new CreateOnlyProbe(place), ref(1n), inChunks(await ltx(1n, { pages })), {});
const list = (place: Place) =>
  bytesOf(
    (async function* () {
      for await (const _ of listFiles(place, 0, {})) yield new Uint8Array(0);
    })(),
  );

describe("every service", () => {
  test.each([
    "s3://bkt/p",
    "s3://bkt/p?endpoint=t3.storage.dev",
    "s3://bkt/p?endpoint=http://127.0.0.1:9000",
    "s3://bkt/p?endpoint=a.r2.cloudflarestorage.com",
  ])("[I3, I4, I12] %s: nothing chunked, a known length, what is sent is signed", async (url) => {
    for (const { method, headers, body } of await recorded(optionsFromURL(url), async (place) => [await write(1)(place), await write(1500)(place)])) {
      expect(headers["content-encoding"] ?? "").not.toContain("aws-chunked");
      expect(headers["transfer-encoding"]).toBeUndefined();
      expect(headers["x-amz-decoded-content-length"]).toBeUndefined();
      expect(headers.expect ?? headers.Expect).toBeUndefined();
      expect(headers["user-agent"]).toContain("litestream");
      if (method === "PUT") expect(Number(headers["content-length"])).toBe(body?.length);
      if (method === "PUT")
        expect(headers["x-amz-content-sha256"]).toBe(
          createHash("sha256")
            .update(body ?? "")
            .digest("hex"),
        );
    }
  });

  test("[I16, I17] time, storage class and encryption go with every upload, in parts or not", async () => {
    const key = Buffer.alloc(32, 5).toString("base64");
    const md5 = createHash("md5").update(Buffer.alloc(32, 5)).digest("base64");
    const sent = await recorded({ bucket: "bkt", storageClass: "STANDARD_IA", sseCustomerKey: key }, async (place) => [
      await write(1)(place),
      await write(1500)(place),
    ]);
    const creating = sent.filter(({ method, query }) => (method === "PUT" && !("partNumber" in query)) || "uploads" in query);
    expect(creating).toHaveLength(2);
    for (const { headers } of creating) {
      expect(headers["x-amz-meta-litestream-timestamp"]).toBe("2026-01-31T12:00:00.655Z");
      expect(headers["x-amz-storage-class"]).toBe("STANDARD_IA");
    }
    for (const { headers } of sent) {
      expect(headers["x-amz-server-side-encryption-customer-key"]).toBe(key);
      expect(headers["x-amz-server-side-encryption-customer-key-md5"]).toBe(md5);
    }
    const [kms] = await recorded({ bucket: "bkt", sseKmsKeyId: "k" }, write(1));
    expect([kms?.headers["x-amz-server-side-encryption"], kms?.headers["x-amz-server-side-encryption-aws-kms-key-id"]]).toEqual(["aws:kms", "k"]);
  });

  test("[I5, I6] parts have one size, but the last", async () => {
    const sent = await recorded({ bucket: "bkt", partSizeBytes: 6_000_000 }, write(4000));
    const sizes = sent
      .filter(({ query }) => "partNumber" in query)
      .sort((a, b) => Number(a.query.partNumber) - Number(b.query.partNumber))
      .map(({ body }) => body?.length);
    expect(sizes.slice(0, -1)).toEqual([6_000_000, 6_000_000]);
  });

  test("[I2] Content-MD5 of a bulk delete is that of its body, and where it is not wanted there is none", async () => {
    const [sent] = await recorded({ bucket: "bkt", endpoint: "h.example" }, (place) => deleteKeys(place, ["a&b", "ü"], undefined));
    expect(sent?.headers["content-md5"]).toBe(
      createHash("md5")
        .update(sent?.body ?? "")
        .digest("base64"),
    );
    expect(Object.keys(sent?.headers ?? {}).filter((name) => name.startsWith("x-amz-checksum"))).toEqual([]);
    const [without] = await recorded({ bucket: "bkt", endpoint: "h.example", requireContentMD5: false }, (place) => deleteKeys(place, ["a"], undefined));
    expect(without?.headers["content-md5"]).toBeUndefined();
  });

  test("[E8] a bulk delete asks for what came of each key", async () => {
    const [sent] = await recorded({ bucket: "bkt", endpoint: "h.example" }, (place) => deleteKeys(place, ["a", "b"], undefined));
    expect(String(sent?.body)).toContain("<Key>b</Key>");
    expect(String(sent?.body)).not.toContain("<Quiet>true");
  });

  test("an unsigned payload says so", async () => {
    const [sent] = await recorded({ bucket: "bkt", signPayload: false }, write(1));
    expect(sent?.headers["x-amz-content-sha256"]).toBe("UNSIGNED-PAYLOAD");
  });
});

describe("services", () => {
  test("[I13] Tigris alone gets its header, signed, and no Content-MD5", async () => {
    const work = (place: Place) => deleteKeys(place, ["a"], undefined);
    const [tigris] = await recorded({ bucket: "bkt", endpoint: "t3.storage.dev" }, work);
    expect(tigris?.headers["X-Tigris-Consistent"]).toBe("true");
    expect(tigris?.headers.authorization).toContain("x-tigris-consistent");
    expect(tigris?.headers["content-md5"]).toBeUndefined();
    const [other] = await recorded({ bucket: "bkt", endpoint: "evil-t3.storage.dev.example" }, work);
    expect(Object.keys(other?.headers ?? {}).filter((name) => /tigris/i.test(name))).toEqual([]);
  });

  test.each([
    ["s3://bkt/p", "bkt.s3.us-east-1.amazonaws.com", "/p/0000/"],
    ["s3://bkt/p?endpoint=http://127.0.0.1:9000", "127.0.0.1", "/bkt/p/0000/"],
    ["s3://bkt/p?endpoint=https://x.supabase.co/storage/v1/s3", "x.supabase.co", "/storage/v1/s3/bkt/p/0000/"],
    ["s3://bkt.nyc3.digitaloceanspaces.com/p", "bkt.nyc3.digitaloceanspaces.com", "/p/0000/"],
    ["s3://bkt/", "bkt.s3.us-east-1.amazonaws.com", "//0000/"],
    ["s3://arn:aws:s3:us-west-2:123456789012:accesspoint/ap/k", "ap-123456789012.s3-accesspoint.us-west-2.amazonaws.com", "/k/0000/"],
  ])("%s goes to %s%s", async (url, hostname, path) => {
    const [sent] = await recorded(optionsFromURL(url), write(1));
    expect(sent?.hostname).toBe(hostname);
    expect(sent?.path.startsWith(path), sent?.path).toBe(true);
  });

  test("[I11] what is rewritten on the way is not signed, and Google Cloud Storage is not sent it", async () => {
    // As versions of the SDK set it that had checksums of answers in mind.
    const work = async (place: Place): Promise<void> => {
      const { middlewareStack } = await place.connection.open();
      middlewareStack.add(
        (next) => (args) => {
          // `as`: in this step there is a request.
          (args.request as Sent).headers["accept-encoding"] = "gzip";
          return next(args);
        },
        { step: "build", priority: "high", name: "acceptEncoding" },
      );
      await list(place);
    };
    const [google] = await recorded({ bucket: "bkt", endpoint: "storage.googleapis.com" }, work);
    expect(Object.keys(google?.headers ?? {})).not.toContain("accept-encoding");
    const [other] = await recorded({ bucket: "bkt", endpoint: "h.example" }, work);
    expect(other?.headers["accept-encoding"]).toBe("gzip");
    for (const { headers } of await recorded({ bucket: "bkt", endpoint: "h.example" }, list))
      expect(headers.authorization).not.toMatch(/SignedHeaders=[^,]*\b(?<!x-amz-)(?:accept-encoding|user-agent)/);
  });

  test("[I14] whatever ETag a part has goes into the completion as it came", async () => {
    const etags = ['W/"weak"', "plain", '"multi-3"'];
    const sent = await recorded({ bucket: "bkt" }, write(3000), (one) =>
      "partNumber" in one.query ? { statusCode: 200, headers: { etag: etags[Number(one.query.partNumber) - 1] ?? "" } } : standard(one),
    );
    const completion = String(sent.at(-1)?.body);
    for (const etag of etags) expect(completion.replaceAll("&quot;", '"')).toContain(`<ETag>${etag}</ETag>`);
  });

  test("[I10] a bucket elsewhere says where, without any permission, and is asked there from then on", async () => {
    const elsewhere: Reply = { statusCode: 301, headers: { "x-amz-bucket-region": "eu-west-1" }, body: "<Error><Code>PermanentRedirect</Code></Error>" };
    const sent = await recorded(
      { bucket: "bkt" },
      async (place) => [await list(place), await list(place)],
      ({ hostname }) => (hostname.includes("eu-west-1") ? LISTING : elsewhere),
    );
    expect(sent.map(({ hostname }) => hostname)).toEqual([
      "bkt.s3.us-east-1.amazonaws.com",
      "bkt.s3.eu-west-1.amazonaws.com",
      "bkt.s3.eu-west-1.amazonaws.com",
    ]);
  });

  test("[I15] credentials of a function are asked for again when they expire", async () => {
    let asked = 0;
    const credentials = async () => ({ accessKeyId: `A${++asked}`, secretAccessKey: "S", sessionToken: `T${asked}`, expiration: new Date(Date.now() + 1000) });
    const sent = await recorded({ bucket: "bkt", accessKeyId: undefined, secretAccessKey: undefined, credentials }, async (place) => [
      await list(place),
      await list(place),
    ]);
    const tokens = sent.map(({ headers }) => headers["x-amz-security-token"]);
    expect(new Set(tokens).size, String(tokens)).toBe(2);
  });
});
