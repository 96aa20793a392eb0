import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { waitFor, withDeadline } from "../deadline.js";
import { cleanEnv } from "../peers.js";
import { type TempDir, tempDir } from "../tmp.js";

const READY_MS = 30_000;
const TERM_MS = 10_000;
/** Another process may take a port between the look for a free one and the server's own bind. */
const ATTEMPTS = 4;

/** How a server is called, once its ports and its directory are known. */
export interface ServerCommand {
  readonly binary: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The port that answers when the server is ready. */
  readonly port: number;
}

export interface ServerPlan {
  /** For messages and for the directory's name. */
  readonly name: string;
  /** Free loopback ports that the command needs. */
  readonly ports: number;
  /** What it prints when it is ready, for one whose port answers earlier. */
  readonly readyText?: string;
  command(ports: readonly number[], directory: TempDir): ServerCommand;
}

/** Whether the kernel can be told to end a server when this process dies, even by SIGKILL. */
const PARENT_DEATH = process.platform === "linux" && spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0;

/** A server of somebody else in a process and a temporary directory of its own: ready when it is returned, gone after {@link ServerProcess.stop}. */
export class ServerProcess implements AsyncDisposable {
  readonly port: number;
  readonly directory: TempDir;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #name: string;
  readonly #atExit = (): void => {
    this.#child.kill("SIGKILL");
    rmSync(this.directory.path, { recursive: true, force: true });
  };
  #output = "";

  private constructor(name: string, { binary, args, env, port }: ServerCommand, directory: TempDir) {
    this.#name = name;
    this.port = port;
    this.directory = directory;
    const [file, fileArgs] = PARENT_DEATH ? ["setpriv", ["--pdeathsig", "KILL", binary, ...args]] : [binary, [...args]];
    this.#child = spawn(file, fileArgs, { cwd: directory.path, env: cleanEnv(env), stdio: ["ignore", "pipe", "pipe"] });
    this.#exited = new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.once("error", () => resolve());
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-20_000);
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
    process.once("exit", this.#atExit);
  }

  /** Starts it and waits for its port; repeated with other ports when it ends at once. */
  static async start(plan: ServerPlan): Promise<ServerProcess> {
    for (let attempt = 1; ; attempt++) {
      const directory = tempDir(plan.name);
      const server = new ServerProcess(plan.name, plan.command(await freePorts(plan.ports), directory), directory);
      try {
        await waitFor(`${plan.name} on port ${server.port}`, READY_MS, () => {
          if (!server.running) throw new Error(`${plan.name} ended while starting`);
          return server.#output.includes(plan.readyText ?? "") && accepts(server.port);
        });
        return server;
      } catch (error) {
        const ended = !server.running;
        await server.stop();
        if (!ended || attempt === ATTEMPTS) throw new Error(`${plan.name} did not start; it said: ${server.#output.slice(-2000)}`, { cause: error });
      }
    }
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Standard output and error, the newest 20 kB. */
  get output(): string {
    return this.#output;
  }

  /** Stops it (SIGTERM, then SIGKILL) and removes its directory; a second call waits for the first. */
  async stop(): Promise<void> {
    if (this.running) this.#child.kill("SIGTERM");
    await withDeadline(`the end of ${this.#name}`, TERM_MS, this.#exited).catch(async () => {
      this.#child.kill("SIGKILL");
      await this.#exited;
    });
    process.removeListener("exit", this.#atExit);
    this.directory[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Loopback ports that nobody listens on at the moment, all different. */
async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, () => listenAnywhere()));
  const ports = held.map(portOf);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The port of a listening server. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port");
  return address.port;
}

function listenAnywhere(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
