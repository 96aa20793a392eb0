import { isLSError } from "@ls/core/backend-kit";
import { expect, test } from "vitest";
import { isLocalHost, parseEndpoint } from "./endpoint.js";
import { providerOf } from "./providers.js";

test.each([
  ["localhost:9000", "http://localhost:9000"],
  ["127.0.0.1:9000", "http://127.0.0.1:9000"],
  ["[::1]:9000", "http://[::1]:9000"],
  ["192.168.1.5", "http://192.168.1.5"],
  ["minio.local", "http://minio.local"],
  ["10.1.2.3:80", "http://10.1.2.3:80"],
  ["s3.eu-central-1.wasabisys.com", "https://s3.eu-central-1.wasabisys.com"],
  ["host.example:443/", "https://host.example:443"],
  ["https://127.0.0.1:9000", "https://127.0.0.1:9000"],
  ["http://public.example", "http://public.example"],
  ["HTTP://Public.Example/", "http://public.example"],
  ["https://x.supabase.co/storage/v1/s3/", "https://x.supabase.co/storage/v1/s3"],
  [" https://h.example ", "https://h.example"],
])("[I1] endpoint %j is %s", (text, url) => {
  expect(parseEndpoint(text).url).toBe(url);
});

test.each(["", "ftp://h", "https://user:hunter2@h", "r2.cloudflarestorage.com@evil.org", "https://h?x=1", "https://h#x", "a b", "https://"])(
  "[J8, N5, N6] refuses endpoint %j, and repeats no password",
  (text) => {
    let thrown: unknown;
    try {
      parseEndpoint(text);
    } catch (error) {
      thrown = error;
    }
    expect(isLSError(thrown, "LS_INVALID_OPTION")).toBe(true);
    expect(String(thrown)).not.toContain("hunter2");
  },
);

test.each([
  ["172.16.0.1", true],
  ["172.31.255.255", true],
  ["172.2.0.1", false],
  ["172.200.0.1", false],
  ["172.32.0.1", false],
  ["10.example.com", false],
  ["192.168.example.com", false],
  ["localhost.example.com", false],
  ["notlocalhost", false],
  ["b.localhost", true],
  ["fd00::1", true],
  ["2001:db8::1", false],
  ["::1", true],
])("[J9] %s is local: %s", (host, isLocal) => {
  expect(isLocalHost(host)).toBe(isLocal);
});

test.each([
  [undefined, "aws"],
  ["s3.eu-west-1.amazonaws.com", "aws"],
  ["fsn1.your-objectstorage.com", "hetzner"],
  ["fly.storage.tigris.dev", "tigris"],
  ["t3.storage.dev", "tigris"],
  ["x.t3.storage.dev", "other"],
  ["nyc3.digitaloceanspaces.com", "digitalocean"],
  ["s3.us-west-002.backblazeb2.com", "backblaze"],
  ["s3.filebase.com", "filebase"],
  ["s3.fr-par.scw.cloud", "scaleway"],
  ["abc.r2.cloudflarestorage.com", "r2"],
  ["abc.eu.r2.cloudflarestorage.com", "r2"],
  ["evil-r2.cloudflarestorage.com", "other"],
  ["r2.cloudflarestorage.com.evil.org", "other"],
  ["x.supabase.co", "supabase"],
  ["s3.eu-central-1.wasabisys.com", "wasabi"],
  ["storage.googleapis.com", "gcs"],
  ["storage.me-central2.rep.googleapis.com", "gcs"],
  ["us-central1-storage.googleapis.com", "gcs"],
  ["storage.mtls.googleapis.com", "gcs"],
  ["storage-upload.googleapis.com", "gcs"],
  ["bucket.storage.googleapis.com", "other"],
  ["storageinsights.googleapis.com", "other"],
  ["storage..googleapis.com", "other"],
  ["storage.googleapis.com.evil.com", "other"],
  ["minio.internal", "other"],
])("[J8] %s is %s", (host, name) => {
  expect(providerOf(host).name).toBe(name);
});

test("a port does not hide a provider", () => {
  expect(providerOf(parseEndpoint("https://abc.r2.cloudflarestorage.com:443").hostname).name).toBe("r2");
  expect(providerOf(parseEndpoint("fsn1.your-objectstorage.com/y").hostname).name).toBe("hetzner");
  expect(providerOf(parseEndpoint("storage.googleapis.com.:443").hostname).name).toBe("gcs");
});

test.each([
  ["s3.us-west-002.backblazeb2.com", "us-west-002"],
  ["nyc3.digitaloceanspaces.com", "nyc3"],
  ["s3.eu-central-1.wasabisys.com", "eu-central-1"],
  ["s3.eu-west-1.amazonaws.com", "eu-west-1"],
  ["s3.amazonaws.com", undefined],
  ["s3.wasabisys.com", undefined],
  ["abc.r2.cloudflarestorage.com", "auto"],
  ["t3.storage.dev", "auto"],
  ["minio.internal", undefined],
])("the region of %s is %s", (host, region) => {
  expect(providerOf(host).region).toBe(region);
});
