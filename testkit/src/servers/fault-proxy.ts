import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../random.js";
import { type S3Operation, type S3Request, s3RequestOf } from "./s3-operation.js";
import { portOf } from "./server-process.js";

/** What goes wrong with one request. Byte counts are of bodies. */
export type ProxyFault =
  /** Passes after a pause. */
  | { readonly kind: "delay"; readonly milliseconds: number }
  /** The answer's body trickles. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** The answer breaks off after so many bytes, with RST or FIN; at 0 before its status line. The server has done its part: an upload is stored, its reply lost. */
  | { readonly kind: "cut-answer"; readonly afterBytes: number; readonly how: "reset" | "end" }
  /** The connection is reset once so many bytes of the request's body have come; the server never sees its end. */
  | { readonly kind: "cut-request"; readonly afterBytes: number }
  /** Nothing is passed on and nothing answered; the connection stays. */
  | { readonly kind: "black-hole" }
  /** Answers by itself, and the server never hears of it: 408, 429, 503, or a lying 200 with any body, such as an acknowledged upload that is dropped. */
  | { readonly kind: "answer"; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** A listing is answered as it was at the first such request of the rule. */
  | { readonly kind: "stale" };

export interface ProxyRule {
  readonly fault: ProxyFault;
  /** Which requests, by kind or by a function. Default: all. */
  readonly on?: S3Operation | readonly S3Operation[] | ((request: S3Request) => boolean);
  /** So many of them pass first. Default 0. */
  readonly after?: number;
  /** How often it strikes. Default: until {@link FaultProxy.clear}. */
  readonly times?: number;
  /** How likely it strikes, 0 to 1, drawn from `random`. Default: always. */
  readonly chance?: { readonly of: number; readonly random: Random };
}

interface ArmedRule {
  readonly rule: ProxyRule;
  seen: number;
  struck: number;
  /** Remembered listings of `stale`, by target. */
  readonly listings: Map<string, Answer>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Headers that belong to one connection and not to the message. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "proxy-connection", "upgrade", "te", "trailer"]);

/**
 * A proxy on a loopback port before an S3 server, that spoils requests by rules and counts them. The first rule that applies strikes. Requests are passed
 * on with the client's own Host header, so signatures stay valid; as a forward proxy (HTTP_PROXY) it takes any host there. Written here, since TCP proxies such as toxiproxy cannot answer 503 or tell a listing from an upload,
 * and an HTTP one does what they do.
 */
export class FaultProxy implements AsyncDisposable {
  readonly endpoint: string;
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sockets = new Set<Socket>();
  readonly #counts = new Map<S3Operation, number>();
  readonly #watchers: ((request: S3Request) => void)[] = [];
  #rules: ArmedRule[] = [];
  #struck = 0;
  #underWay = 0;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.port = portOf(server);
    this.endpoint = `http://127.0.0.1:${this.port}`;
  }

  /** In front of an http server on a loopback port. */
  static async start(target: { readonly port: number }): Promise<FaultProxy> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    const proxy = new FaultProxy(server, target.port);
    server.on("connection", (socket) => {
      proxy.#sockets.add(socket);
      socket.once("close", () => proxy.#sockets.delete(socket));
    });
    server.on("request", (message: IncomingMessage, reply: ServerResponse) => {
      // Taken here: a message that was read only in part gives up its socket.
      const { socket } = message;
      proxy.#handle(message, reply, socket).catch(() => socket.destroy());
    });
    return proxy;
  }

  /** Adds a rule behind those that are armed. */
  arm(rule: ProxyRule): void {
    this.#rules.push({ rule, seen: 0, struck: 0, listings: new Map() });
  }

  /** Is told of every request before it is passed on or spoiled. */
  watch(watcher: (request: S3Request) => void): void {
    this.#watchers.push(watcher);
  }

  /** Forgets all rules; requests in a black hole stay there until their connection ends. */
  clear(): void {
    this.#rules = [];
  }

  /** How many requests were spoiled. */
  get struck(): number {
    return this.#struck;
  }

  /** Requests by kind since the last {@link resetCounts}. */
  get counts(): ReadonlyMap<S3Operation, number> {
    return this.#counts;
  }

  /** Requests that have come and have not been answered yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Connections of clients that are open, idle ones too. */
  get connections(): number {
    return this.#sockets.size;
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  resetCounts(): void {
    this.#counts.clear();
  }

  /** Resets every open connection. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #handle(message: IncomingMessage, reply: ServerResponse, socket: Socket): Promise<void> {
    const asked = s3RequestOf(message);
    this.#counts.set(asked.operation, (this.#counts.get(asked.operation) ?? 0) + 1);
    this.#underWay++;
    reply.once("close", () => this.#underWay--);
    for (const watcher of this.#watchers) watcher(asked);
    const armed = this.#ruleFor(asked);
    const fault = armed?.rule.fault;
    switch (fault?.kind) {
      case "black-hole":
        message.resume();
        return;
      case "answer":
        await drained(message);
        send(reply, { status: fault.status, headers: { "content-type": "application/xml", ...fault.headers }, body: Buffer.from(fault.body ?? "") });
        return;
      case "cut-request":
        await received(message, fault.afterBytes);
        socket.resetAndDestroy();
        return;
      case "delay":
        await sleep(fault.milliseconds);
        break;
      case "stale": {
        const known = armed?.listings.get(asked.target);
        if (known !== undefined) {
          await drained(message);
          send(reply, known);
          return;
        }
        break;
      }
    }
    const answer = await this.#forward(message, asked.target);
    if (fault?.kind === "stale") {
      const whole = { status: answer.statusCode ?? 502, headers: answer.headers, body: await bodyOf(answer) };
      armed?.listings.set(asked.target, whole);
      send(reply, whole);
    } else await passOn(answer, reply, socket, fault);
  }

  #ruleFor(asked: S3Request): ArmedRule | undefined {
    for (const armed of this.#rules) {
      const { on, after = 0, times = Number.POSITIVE_INFINITY, chance } = armed.rule;
      if (!applies(on, asked) || armed.struck >= times) continue;
      armed.seen++;
      if (armed.seen <= after || (chance !== undefined && !chance.random.chance(chance.of))) continue;
      armed.struck++;
      this.#struck++;
      return armed;
    }
    return undefined;
  }

  #forward(message: IncomingMessage, path: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const onward = request({
        port: this.#targetPort,
        host: "127.0.0.1",
        agent: this.#agent,
        method: message.method,
        path,
        headers: message.headers,
      });
      onward.once("response", resolve);
      onward.once("error", reject);
      message.once("close", () => {
        if (!message.complete) onward.destroy();
      });
      message.pipe(onward);
    });
  }
}

function applies(on: ProxyRule["on"], asked: S3Request): boolean {
  if (on === undefined) return true;
  if (typeof on === "function") return on(asked);
  return typeof on === "string" ? on === asked.operation : on.includes(asked.operation);
}

function send(reply: ServerResponse, { status, headers, body }: Answer): void {
  reply.writeHead(status, { ...endToEnd(headers), "content-length": body.length });
  reply.end(body);
}

async function passOn(answer: IncomingMessage, reply: ServerResponse, socket: Socket, fault: ProxyFault | undefined): Promise<void> {
  const limit = fault?.kind === "cut-answer" ? fault.afterBytes : Number.POSITIVE_INFINITY;
  const closed = new Promise<void>((resolve) => reply.once("close", () => resolve()));
  closed.then(() => answer.destroy());
  if (limit > 0) reply.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
  let passed = 0;
  for await (const chunk of answer) {
    // `as`: no encoding is set, so a message yields buffers.
    const bytes = (chunk as Buffer).subarray(0, limit - passed);
    passed += bytes.length;
    if (bytes.length > 0 && !reply.write(bytes)) await Promise.race([drainOf(reply), closed]);
    if (fault?.kind === "slow") await sleep((1000 * bytes.length) / fault.bytesPerSecond);
    if (passed >= limit) break;
  }
  if (fault?.kind !== "cut-answer") reply.end();
  else if (fault.how === "reset") socket.resetAndDestroy();
  else socket.end();
}

function endToEnd(headers: IncomingMessage["headers"]): IncomingMessage["headers"] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

async function drained(message: IncomingMessage): Promise<void> {
  for await (const _ of message);
}

async function received(message: IncomingMessage, bytes: number): Promise<void> {
  let seen = 0;
  if (bytes === 0) return;
  for await (const chunk of message) {
    // `as`: no encoding is set, so a message yields buffers.
    seen += (chunk as Buffer).length;
    if (seen >= bytes) return;
  }
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // `as`: no encoding is set, so a message yields buffers.
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function drainOf(reply: ServerResponse): Promise<void> {
  return new Promise((resolve) => reply.once("drain", () => resolve()));
}
