import { testReplicaClient } from "@ls/conformance";
import { fromURL } from "@ls/core";
import { redisOrSkip, TCPGate } from "@ls/testkit";
import { afterAll, beforeAll, describe, test } from "vitest";
import "../src/index.js";
import { RedisService } from "./service.js";

const binary = redisOrSkip();

describe.skipIf(binary === undefined)("with a Redis server", () => {
  let service: RedisService;
  const gates: TCPGate[] = [];
  beforeAll(async () => {
    service = await RedisService.start(binary ?? "");
  });
  afterAll(async () => {
    for (const gate of gates) await gate[Symbol.asyncDispose]();
    await service.stop();
  });

  /** Last digits of the TXIDs of files that the client may not change. */
  const locked = new Set<string>();
  // Redis has no rule against one key. So: everything may be read; levels, staged chunks and the files that are not locked may be changed.
  const setRules = (): Promise<void> =>
    service.setUser("resetkeys", ...(locked.size === 0 ? ["~*"] : ["%R~*", "~*/", "~*.ltx.*", `~*[^${[...locked].join("")}].ltx`]));

  testReplicaClient({
    name: "redis",
    runner: { describe, it: (title, body) => test(title, body, 60_000) },
    create: (place) => fromURL(service.url(place)),
    capabilities: { createOnly: true, rawKeys: false, orderedSeek: true, timestamps: "listing" },
    facilities: {
      foreign: async (place, level, name) => {
        const prefix = `${place}/ltx/${level}/`;
        await service.admin.set(`${prefix}${name}`, "foreign");
        await service.admin.zAdd(prefix, { score: 0, value: `${prefix}${name}` });
      },
      outage: async (place) => {
        const gate = await TCPGate.start(service);
        gates.push(gate);
        gate.shut();
        return { client: fromURL(service.url(place, { port: gate.port })), end: async () => gate.open() };
      },
      denied: async (place) => ({ client: fromURL(service.url(place, { password: "not the password" })), end: async () => {} }),
      undeletable: async (_, { maxTXID }) => {
        const digit = (maxTXID % 16n).toString(16);
        locked.add(digit);
        await setRules();
        return async () => {
          locked.delete(digit);
          await setRules();
        };
      },
      requests: async () => Number(/total_commands_processed:(\d+)/.exec(await service.admin.info("stats"))?.[1]),
      secrets: () => [service.password, encodeURIComponent(service.password)],
    },
    knownGaps: [],
  });
});
