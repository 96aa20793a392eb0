import { serverOrSkip } from "../peers.js";
import { ServerProcess } from "./server-process.js";

/** The redis-server binary, or `undefined` after a loud skip (an error under CI). */
export function redisOrSkip(): string | undefined {
  return serverOrSkip("redis-server");
}

/** A running Redis server with an empty database. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** Of the user `default`, who may do everything. */
  readonly password: string;
  readonly pid: number;
  /** SIGTERM by pid, waits for the end, removes the data. */
  stop(): Promise<void>;
}

/** Redis as a store and not as a cache: what it has answered is on the disk. About 0.1 s. */
export async function startRedis(binary: string): Promise<RedisServer> {
  const password = "password-of-the-testkit";
  const server = await ServerProcess.start({
    name: "redis",
    ports: 1,
    readyText: "Ready to accept connections",
    command([port = 0], directory) {
      const args = ["--bind", "127.0.0.1", "--port", String(port), "--dir", directory.path, "--requirepass", password];
      args.push("--save", "", "--appendonly", "yes", "--appendfsync", "always");
      return { binary, args, port };
    },
  });
  return { port: server.port, password, pid: server.pid, stop: () => server.stop(), [Symbol.asyncDispose]: () => server.stop() };
}
