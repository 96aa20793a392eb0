import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeLTX, type LTXPage, type TXID } from "@ls/ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AttachContext, attach } from "../src/db/attach.js";
import type { AttachOutcome, AttachRequest, EngineHost, EngineOp, EngineOpened, EngineRequests, StagedFile, Told } from "../src/db/protocol.js";
import { LSError } from "../src/errors.js";
import { Destination } from "./destination.js";

const PAGE_SIZE = 512;
let directory: string;
let path: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ls-attach-"));
  path = join(directory, "app.db");
  writeFileSync(path, new Uint8Array(PAGE_SIZE * 8));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function ltx(txid: TXID, commit: number, pgnos: readonly number[], timestampMs: number): Promise<Uint8Array> {
  const pages: LTXPage[] = pgnos.map((pgno) => ({ pgno, data: new Uint8Array(PAGE_SIZE).fill(Number(txid) * 16 + pgno) }));
  const chunks: Uint8Array[] = [];
  for await (const chunk of encodeLTX({ pageSize: PAGE_SIZE, commit, minTXID: txid, maxTXID: txid, timestampMs }, pages)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** A destination with TXIDs 1 to `count`: four pages, then one changed page each. */
async function destination(count: number): Promise<Destination> {
  const client = new Destination();
  for (let i = 1; i <= count; i++) client.files.set(BigInt(i), await ltx(BigInt(i), 4, i === 1 ? [1, 2, 3, 4] : [2], 1000 + i));
  return client;
}

interface Script {
  readonly opened?: readonly EngineOpened[];
  readonly probe: { readonly txid: TXID; readonly notReady?: "absent" | undefined };
  readonly attach?: readonly AttachOutcome[];
  readonly accepted?: boolean;
}

/** Answers from a script, and remembers what it was asked. Stands for the engine only where the order of requests is the question. */
class ScriptedHost implements EngineHost {
  readonly asked: string[] = [];
  readonly attachRequests: AttachRequest[] = [];
  readonly received: number[] = [];
  readonly #script: Script;
  readonly #opened: EngineOpened[];
  readonly #outcomes: AttachOutcome[];

  constructor(script: Script) {
    this.#script = script;
    this.#opened = [...(script.opened ?? [{ position: { txid: script.probe.txid }, staged: [] }])];
    this.#outcomes = [...(script.attach ?? [])];
  }

  tell(op: Told): void {
    this.asked.push(op);
  }

  async request<Op extends EngineOp>(op: Op, params: EngineRequests[Op]["params"]): Promise<EngineRequests[Op]["result"]> {
    this.asked.push(op);
    // `as`: each answer below is the one of its operation.
    return this.#answer(op, params) as EngineRequests[Op]["result"];
  }

  async dispose(): Promise<void> {}

  #answer(op: EngineOp, params: unknown): unknown {
    switch (op) {
      case "open":
        return this.#opened.length > 1 ? this.#opened.shift() : this.#opened[0];
      case "probe":
        return { dirty: false, ...this.#script.probe };
      case "attach":
        this.attachRequests.push(params as AttachRequest); // `as`: the parameters of attach
        return this.#outcomes.shift();
      case "putStaged": {
        const { chunk, final } = params as EngineRequests["putStaged"]["params"]; // `as`: those of putStaged
        if (!final) this.received.push(chunk.length);
        return { accepted: final && (this.#script.accepted ?? true) };
      }
      default:
        return undefined;
    }
  }
}

const attached = (txid: TXID): AttachOutcome => ({ kind: "attached", by: "wal", reason: "test", txid });
const baseRequired: AttachOutcome = { kind: "base-required", reason: "test" };
const staged = (...txids: TXID[]): StagedFile[] => txids.map((txid) => ({ txid, path: "", size: 1, timestampMs: 0, oldestCommitMs: 0 }));

function context(host: EngineHost, client: Destination, more: Partial<AttachContext> = {}): AttachContext & { readonly log: string[] } {
  const log: string[] = [];
  return {
    path,
    host,
    client,
    onDestinationAhead: "error",
    signal: new AbortController().signal,
    async upload(remoteTXID, files) {
      log.push(`upload ${files.map((file) => file.txid).join(" ")} above ${remoteTXID}`);
      for (const { txid } of files) if (txid > remoteTXID) client.files.set(txid, await ltx(txid, 4, [2], 1000 + Number(txid)));
    },
    listed: ({ txid }) => log.push(`listed ${txid}`),
    continuingAbove: (localTXID, remoteTXID) => log.push(`${localTXID} below ${remoteTXID}`),
    ...more,
    log,
  };
}

describe("attach", () => {
  it("asks for nothing more when the engine proves continuity", async () => {
    const host = new ScriptedHost({ probe: { txid: 3n }, attach: [attached(3n)] });
    const client = await destination(3);
    client.log.length = 0;
    expect(await attach(context(host, client))).toMatchObject({ kind: "attached", localTXID: 3n, remoteTXID: 3n });
    expect(host.asked).toEqual(["open", "probe", "attach"]);
    expect(client.log).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((level) => `list ${level}`));
  });

  it("does not go to the destination while there is no database, unless something is staged", async () => {
    const client = await destination(2);
    client.log.length = 0;
    const notReady = { txid: 3n, notReady: "absent" as const };
    expect(await attach(context(new ScriptedHost({ probe: notReady }), client))).toEqual({ kind: "not-ready", reason: "absent" });
    expect(client.log).toEqual([]);
    const host = new ScriptedHost({ probe: notReady, opened: [{ position: { txid: 3n }, staged: staged(3n) }] });
    const left = context(host, client);
    expect(await attach(left)).toEqual({ kind: "not-ready", reason: "absent" });
    expect(left.log).toEqual(["upload 3 above 2"]);
  });

  it("gives the time of the destination's newest TXID where it is not the local one", async () => {
    const host = new ScriptedHost({ probe: { txid: 0n }, attach: [attached(4n)] });
    await attach(context(host, await destination(3)));
    expect(host.attachRequests).toEqual([{ remoteTXID: 3n, remoteTimestampMs: 1003 }]);
  });

  it("gives the hashes of the destination's newest state as the base", async () => {
    const host = new ScriptedHost({ probe: { txid: 0n }, attach: [baseRequired, attached(4n)] });
    await attach(context(host, await destination(3)));
    const base = host.attachRequests[1]?.base;
    expect(base).toMatchObject({ txid: 3n, pageSize: PAGE_SIZE, commit: 4 });
    expect(new Set(base?.hashes).size).toBe(4);
  });

  it("uploads what is staged before it reads the base, so that the base is the local position's state", async () => {
    const host = new ScriptedHost({ probe: { txid: 5n }, opened: [{ position: { txid: 5n }, staged: staged(4n, 5n) }], attach: [baseRequired, attached(6n)] });
    const made = context(host, await destination(3));
    expect(await attach(made)).toMatchObject({ remoteTXID: 5n });
    expect(made.log).toEqual(["upload 4 5 above 3", "listed 5"]);
    expect(host.attachRequests[1]).toMatchObject({ remoteTXID: 5n, remoteTimestampMs: 1005, base: { txid: 5n } });
  });

  it("asks for an image when the destination's newest state cannot be read", async () => {
    const client = await destination(3);
    const damaged = client.files.get(2n)?.slice() ?? new Uint8Array();
    damaged.set([0], damaged.length - 1);
    client.files.set(2n, damaged);
    const host = new ScriptedHost({ probe: { txid: 0n }, attach: [baseRequired, attached(4n)] });
    await attach(context(host, client));
    expect(host.attachRequests[1]).toMatchObject({ remoteTXID: 3n, base: null });
  });

  it("refuses a destination that is ahead, with both positions, or goes on above it", async () => {
    const client = await destination(3);
    const ahead = new ScriptedHost({ probe: { txid: 2n }, attach: [attached(4n)] });
    await expect(attach(context(ahead, client))).rejects.toMatchObject({ code: "LS_DESTINATION_AHEAD", details: { localTXID: 2n, remoteTXID: 3n } });
    expect(ahead.asked).not.toContain("attach");
    const made = context(ahead, client, { onDestinationAhead: "continue" });
    expect(await attach(made)).toMatchObject({ kind: "attached" });
    expect(made.log).toEqual(["2 below 3", "listed 3"]);
  });

  it("refuses a destination whose newest file is another one than ours of that TXID", async () => {
    const client = await destination(3);
    const ours = { ...(staged(3n)[0] as StagedFile), path: join(directory, "3.ltx") }; // `as`: there is one
    for (const [bytes, pageNumbers] of [
      [client.files.get(3n), undefined],
      [await ltx(3n, 4, [3], 1003), "others"],
      [await ltx(3n, 4, [2, 3], 1003), "more"],
    ] as const) {
      if (bytes === undefined) throw new Error("no file");
      writeFileSync(ours.path, bytes);
      const opened = [{ position: { txid: 3n }, staged: [{ ...ours, size: bytes.length }] }];
      const host = new ScriptedHost({ probe: { txid: 3n }, opened, attach: [attached(3n)] });
      const made = context(host, client);
      if (pageNumbers === undefined) expect(await attach(made)).toMatchObject({ kind: "attached" });
      else await expect(attach(made)).rejects.toMatchObject({ code: "LS_CONFLICT" });
      // Nothing is merged there as long as ours may be taken for the destination's.
      expect(made.log).toEqual(pageNumbers === undefined ? ["listed 3"] : []);
    }
  });

  describe("with a damaged newest staged file", () => {
    const opened = (txid: TXID): EngineOpened[] => [
      { position: { txid, damagedTXID: txid }, staged: staged(txid) },
      { position: { txid }, staged: [] },
    ];

    it("fetches it back from the destination", async () => {
      const client = await destination(3);
      const host = new ScriptedHost({ probe: { txid: 3n }, opened: opened(3n), attach: [attached(3n)] });
      await attach(context(host, client));
      expect(host.asked).toEqual(["open", "putStaged", "putStaged", "open", "probe", "attach"]);
      expect(host.received.reduce((sum, size) => sum + size, 0)).toBe(client.files.get(3n)?.length);
    });

    it("gives it up when the destination does not have it, or not a good one", async () => {
      const absent = new ScriptedHost({ probe: { txid: 3n }, opened: opened(4n), attach: [attached(3n)] });
      await attach(context(absent, await destination(3)));
      expect(absent.asked).toEqual(["open", "dropDamaged", "open", "probe", "attach"]);
      const bad = new ScriptedHost({ probe: { txid: 3n }, opened: opened(3n), attach: [attached(3n)], accepted: false });
      await attach(context(bad, await destination(3)));
      expect(bad.asked).toEqual(["open", "putStaged", "putStaged", "dropDamaged", "open", "probe", "attach"]);
    });

    it("[M1] keeps it when the destination cannot be asked", async () => {
      const client = await destination(3);
      const down = new LSError("LS_STORAGE_UNAVAILABLE", "down", { retryable: true });
      client.openLTXFile = async function* (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(10);
        throw down;
      };
      const host = new ScriptedHost({ probe: { txid: 3n }, opened: opened(3n), accepted: false });
      await expect(attach(context(host, client))).rejects.toBe(down);
      expect(host.asked).not.toContain("dropDamaged");
    });
  });
});
