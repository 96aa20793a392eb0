import { type RedisServer, startRedis } from "@ls/testkit";
import { createClient, type RedisClientType } from "@redis/client";

/** All that the client needs to be allowed to do. */
const COMMANDS = ["@connection", "multi", "exec", "eval", "hset", "hmget", "hlen", "exists", "expire", "persist", "rename", "unlink", "zadd", "zrange", "zrem"];

/** A Redis server with a user for the client, who may do no more than it needs, and a connection of somebody who may do everything. */
export class RedisService {
  readonly password: string = "password of the app/client";
  readonly #server: RedisServer;
  readonly admin: RedisClientType;

  private constructor(server: RedisServer, admin: RedisClientType) {
    this.#server = server;
    this.admin = admin;
  }

  static async start(binary: string): Promise<RedisService> {
    const server = await startRedis(binary);
    const admin = await createClient({ url: `redis://:${server.password}@127.0.0.1:${server.port}` }).connect();
    const service = new RedisService(server, admin);
    await service.setUser("on", `>${service.password}`, "~*", ...COMMANDS.map((one) => `+${one}`));
    return service;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Changes what the client's user may do, also over its open connections. */
  async setUser(...rules: string[]): Promise<void> {
    await this.admin.sendCommand(["ACL", "SETUSER", "app", ...rules]);
  }

  /** The URL of a place, also through another port or with a wrong password. */
  url(place: string, { port = this.port, password = this.password } = {}): string {
    return `redis://app:${encodeURIComponent(password)}@127.0.0.1:${port}/${place.split("/").map(encodeURIComponent).join("/")}`;
  }

  async stop(): Promise<void> {
    this.admin.destroy();
    await this.#server.stop();
  }
}
