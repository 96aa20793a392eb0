import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type Facilities, type KnownGap, testReplicaClient } from "@ls/conformance";
import { formatLTXFilename } from "@ls/ltx";
import { afterAll, beforeAll, describe, test } from "vitest";
import { FaultProxy, type S3Server } from "../../../testkit/src/servers/index.js";
import { S3ReplicaClient } from "../src/client.js";
import type { S3Options } from "../src/options.js";

export interface Service {
  readonly name: string;
  readonly binary: string | undefined;
  readonly start: (binary: string) => Promise<S3Server>;
  readonly createOnly: boolean;
  /** What answers a wrong secret: a poor provider may take any. */
  readonly checksSignatures: boolean;
  readonly knownGaps: readonly KnownGap[];
}

/** Holds the client to the suite of `@ls/conformance`, on one service. Each in a test file of its own: they take turns with one another. */
export function conformanceOn(service: Service): void {
  const { binary } = service;
  if (binary === undefined) describe.skip(`s3 (${service.name}) is a ReplicaClient`, () => test("its binary is missing", () => {}));
  else suite(service, binary);
}

function suite(service: Service, binary: string): void {
  let server: S3Server;
  let proxy: FaultProxy;
  let plain: S3Client;
  /** Paths of objects that nobody may delete. */
  const locked = new Set<string>();

  beforeAll(async () => {
    server = await service.start(binary);
    proxy = await FaultProxy.start(server);
    // These servers know no lock without versions. So that the others of a bulk delete really go, there is none while something is locked.
    proxy.arm({ fault: { kind: "answer", status: 501 }, on: ({ operation }) => operation === "delete-many" && locked.size > 0 });
    const denial = "<Error><Code>AccessDenied</Code></Error>";
    proxy.arm({
      fault: { kind: "answer", status: 403, body: denial },
      on: ({ operation, target }) => operation === "delete" && locked.has(decodeURIComponent(target.split("?", 1)[0] ?? "")),
    });
    const { region, accessKeyId, secretAccessKey } = server;
    plain = new S3Client({ endpoint: server.endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  }, 60_000);

  afterAll(async () => {
    plain.destroy();
    await proxy[Symbol.asyncDispose]();
    await server.stop();
  });

  const client = (path: string, other: Partial<S3Options> = {}): S3ReplicaClient => {
    const { bucket, region, accessKeyId, secretAccessKey } = server;
    return new S3ReplicaClient({ bucket, path, region, accessKeyId, secretAccessKey, endpoint: proxy.endpoint, ...other });
  };

  const denied: Facilities["denied"] = service.checksSignatures
    ? async (path) => ({ client: client(path, { secretAccessKey: "not-the-secret" }), end: async () => {} })
    : { impossible: "the server takes any secret" };

  testReplicaClient({
    name: `s3 (${service.name})`,
    runner: { describe, it: (title, body) => test(title, body, 90_000) },
    create: (path) => client(path),
    capabilities: { createOnly: service.createOnly, rawKeys: false, orderedSeek: true, timestamps: "metadata" },
    facilities: {
      foreign: async (path, level, name) => {
        await plain.send(new PutObjectCommand({ Bucket: server.bucket, Key: `${path}/${level.toString(16).padStart(4, "0")}/${name}`, Body: "foreign" }));
      },
      outage: async (path) => {
        const own = await FaultProxy.start(server);
        const down = { fault: { kind: "answer", status: 503 } } as const;
        own.arm(down);
        return { client: client(path, { endpoint: own.endpoint }), end: async () => own.clear() };
      },
      denied,
      undeletable: async (path, { level, minTXID, maxTXID }) => {
        const object = `/${server.bucket}/${path}/${level.toString(16).padStart(4, "0")}/${formatLTXFilename(minTXID, maxTXID)}`;
        locked.add(object);
        return async () => void locked.delete(object);
      },
      requests: () => proxy.total,
      secrets: () => [server.secretAccessKey],
    },
    knownGaps: service.knownGaps,
  });
}
