import { existsSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { describe, expect, it } from "vitest";
import {
  FaultProxy,
  rcloneOrSkip,
  type S3Server,
  startRclone,
  startVersitygw,
  startWeed,
  throwawayCertificates,
  versitygwOrSkip,
  weedOrSkip,
} from "./index.js";

const versitygw = versitygwOrSkip();
const weed = weedOrSkip();
const rclone = rcloneOrSkip();

const ended = (pid: number): boolean => !existsSync(`/proc/${pid}`);

const PROVIDERS: readonly (readonly [string, string | undefined, (binary: string) => Promise<S3Server>])[] = [
  ["versitygw", versitygw, startVersitygw],
  ["weed", weed, startWeed],
  ["rclone", rclone, startRclone],
];

describe.each(PROVIDERS)("%s", (_, binary, start) => {
  it.skipIf(binary === undefined)("two run side by side, refuse what is not signed, and are gone after stop", { timeout: 90_000 }, async () => {
    const servers = await Promise.all([start(binary ?? ""), start(binary ?? "")]);
    try {
      expect(servers[0]?.port).not.toBe(servers[1]?.port);
      for (const server of servers) {
        const answer = await fetch(`${server.endpoint}/${server.bucket}?list-type=2`);
        await answer.text();
        expect(answer.status, server.endpoint).toBeGreaterThanOrEqual(400);
      }
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
    for (const server of servers) {
      expect(ended(server.pid)).toBe(true);
      expect(server.directory === undefined || !existsSync(server.directory)).toBe(true);
    }
  });
});

it.skipIf(versitygw === undefined)("speaks TLS that only its own authority vouches for", async () => {
  const certificates = await throwawayCertificates(["lsb.localhost"]);
  await using server = await startVersitygw(versitygw ?? "", { certificates });
  const status = (ca: string | undefined): Promise<number | string | undefined> =>
    new Promise((resolve) => {
      const req = httpsRequest(`${server.endpoint}/`, { ca, agent: false }, (res) => {
        res.resume();
        resolve(res.statusCode);
      });
      req.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      req.end();
    });
  expect(await status(certificates.ca)).toBe(403);
  expect(await status(undefined)).toMatch(/CERT|SIGNATURE/);
});

it("a binary that ends at once is reported with what it said", async () => {
  await expect(startVersitygw("/bin/false")).rejects.toThrow("versitygw did not start");
});

describe.skipIf(versitygw === undefined)("the fault proxy", () => {
  it("spoils by kind of request, in order, and counts", { timeout: 60_000 }, async () => {
    await using server = await startVersitygw(versitygw ?? "");
    writeFileSync(`${server.directory}/a`, "x".repeat(1000));
    await using proxy = await FaultProxy.start(server);
    const url = `${proxy.endpoint}/${server.bucket}`;
    proxy.arm({ fault: { kind: "answer", status: 503, headers: { "retry-after": "1" } }, on: "list", after: 1, times: 1 });
    proxy.arm({ fault: { kind: "answer", status: 200 }, on: "put" });
    proxy.arm({ fault: { kind: "cut-answer", afterBytes: 20, how: "reset" }, on: "get", times: 1 });
    proxy.arm({ fault: { kind: "cut-answer", afterBytes: 0, how: "end" }, on: "get", times: 1 });
    proxy.arm({ fault: { kind: "cut-request", afterBytes: 10 }, on: "delete-many" });
    const list = async (): Promise<number> => {
      const answer = await fetch(`${url}?list-type=2`);
      await answer.text();
      return answer.status;
    };
    expect([await list(), await list(), await list()]).toEqual([403, 503, 403]);
    expect((await fetch(`${url}/b`, { method: "PUT", body: "dropped" })).status).toBe(200);
    expect(existsSync(`${server.directory}/b`)).toBe(false);
    await expect(fetch(`${url}/a`).then((answer) => answer.text())).rejects.toThrow();
    await expect(fetch(`${url}/a`)).rejects.toThrow();
    expect((await fetch(`${url}/a`)).status).toBe(403);
    await expect(fetch(`${url}?delete`, { method: "POST", body: "z".repeat(100) })).rejects.toThrow();
    expect([...proxy.counts]).toEqual([
      ["list", 3],
      ["put", 1],
      ["get", 3],
      ["delete-many", 1],
    ]);
    expect(proxy.struck).toBe(5);
  });

  it("delays, starves, remembers listings and swallows", { timeout: 60_000 }, async () => {
    await using server = await startVersitygw(versitygw ?? "");
    await using proxy = await FaultProxy.start(server);
    const url = `${proxy.endpoint}/${server.bucket}`;
    proxy.arm({ fault: { kind: "delay", milliseconds: 150 }, on: "head" });
    proxy.arm({ fault: { kind: "black-hole" }, on: "delete" });
    proxy.arm({ fault: { kind: "stale" }, on: "list" });
    const before = performance.now();
    await fetch(`${url}/a`, { method: "HEAD" });
    expect(performance.now() - before).toBeGreaterThan(140);
    await expect(fetch(`${url}/a`, { method: "DELETE", signal: AbortSignal.timeout(300) })).rejects.toThrow();
    const first = await (await fetch(`${url}?list-type=2`)).text();
    expect(first).toContain("<Error>");
    await server.stop();
    expect(await (await fetch(`${url}?list-type=2`)).text()).toBe(first);
    await expect(fetch(`${url}/a`)).rejects.toThrow();
  });
});
