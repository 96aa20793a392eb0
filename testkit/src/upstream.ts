import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { waitFor, withDeadline } from "./deadline.js";
import { cleanEnv } from "./peers.js";
import { replicaURL } from "./replica-url.js";

/** One database of a daemon's configuration; intervals as Go durations (`"100ms"`). */
export interface UpstreamDatabase {
  readonly path: string;
  /** Directory or URL of the replica. */
  readonly replicaPath: string;
  /** How often it looks by itself. Default `"1h"`: only {@link UpstreamDaemon.sync} makes files. */
  readonly monitorInterval?: string;
  readonly checkpointInterval?: string;
  readonly minCheckpointPages?: number;
}

export interface UpstreamSettings {
  /** Intervals of level 1, 2, …. Default none: only level 0 and snapshots. */
  readonly levelIntervals?: readonly string[];
  readonly snapshotInterval?: string;
  /** How long level 0 files stay after they were compacted. Default `"1h"`. */
  readonly l0Retention?: string;
  /** How often it looks for level 0 files that are past their time. Default `"1s"`. */
  readonly l0RetentionCheckInterval?: string;
  /** Variables for upstream alone, such as credentials. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default `"debug"`. */
  readonly logLevel?: "debug" | "info";
}

export interface UpstreamSync {
  readonly txid: bigint;
  readonly replicatedTXID: bigint;
}

export interface UpstreamResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One line of `litestream ltx -json`. */
export interface UpstreamLTXFile {
  readonly level: number;
  readonly min_txid: string;
  readonly max_txid: string;
  readonly size: number;
  readonly timestamp: string;
}

const START_MS = 20_000;
const CONTROL_MS = 60_000;
const STOP_MS = 30_000;

/**
 * The daemon `litestream replicate` for a few databases. Its own timers are slow by default, so that a test decides when
 * a file is made; log lines go to `litestream.log` beside the configuration.
 */
export class UpstreamDaemon implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #socket: string;
  readonly #exited: Promise<number | null>;
  #log = "";

  private constructor(child: ChildProcess, socket: string) {
    this.#child = child;
    this.#socket = socket;
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code) => resolve(code));
    });
    const keep = (chunk: Buffer): void => {
      this.#log = (this.#log + chunk.toString("utf8")).slice(-200_000);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
  }

  /** Starts it and waits for its control socket. `directory` must be short: a unix socket path holds 107 bytes. */
  static async start(binary: string, directory: string, databases: readonly UpstreamDatabase[], settings: UpstreamSettings = {}): Promise<UpstreamDaemon> {
    mkdirSync(directory, { recursive: true });
    const socket = join(directory, "s.sock");
    rmSync(socket, { force: true });
    const config = join(directory, "litestream.yml");
    writeFileSync(config, configOf(socket, databases, settings));
    const child = spawn(binary, ["replicate", "-config", config, "-no-expand-env"], { env: cleanEnv(settings.env), stdio: ["ignore", "pipe", "pipe"] });
    const daemon = new UpstreamDaemon(child, socket);
    try {
      await waitFor("the upstream daemon's control socket", START_MS, () => {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error("the upstream daemon ended while starting");
        return existsSync(socket);
      });
      await waitFor("the upstream daemon's first answer", START_MS, () =>
        daemon.#call("GET", "/list").then(
          () => true,
          () => false,
        ),
      );
    } catch (error) {
      await daemon.kill();
      throw new Error(`${error instanceof Error ? error.message : String(error)}; its log ends with:\n${daemon.#log.slice(-2000)}`, { cause: error });
    }
    return daemon;
  }

  /** Everything it has logged, the newest 200 kB. */
  get log(): string {
    return this.#log;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Copies what is committed into the replica and waits until it is there (`sync -wait`). */
  async sync(path: string): Promise<UpstreamSync> {
    const answer = await this.#call("POST", "/sync", { path, wait: true, timeout: 45 });
    return { txid: BigInt(answer.txid ?? 0), replicatedTXID: BigInt(answer.replicated_txid ?? 0) };
  }

  /** Its position, without a sync. */
  async txid(path: string): Promise<bigint> {
    return BigInt((await this.#call("GET", `/txid?path=${encodeURIComponent(path)}`)).txid ?? 0);
  }

  /** SIGTERM: it syncs once more and ends. Returns the exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGTERM");
    try {
      return await withDeadline("the upstream daemon's exit", STOP_MS, this.#exited);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #call(method: "GET" | "POST", path: string, body?: object): Promise<ControlAnswer> {
    const work = new Promise<ControlAnswer>((resolve, reject) => {
      const req = request({ socketPath: this.#socket, method, path, agent: false, headers: { "content-type": "application/json" } }, (res) => {
        let text = "";
        res.setEncoding("utf8");
        res.on("data", (chunk: string) => {
          text += chunk;
        });
        res.once("error", reject);
        res.once("end", () => {
          if (res.statusCode !== 200)
            reject(new Error(`upstream answered ${res.statusCode} to ${method} ${path}: ${text.trim()}; log: ${this.#log.slice(-1500)}`));
          // `as`: the shape is upstream's server.go; absent fields are handled by the callers.
          else resolve(JSON.parse(text) as ControlAnswer);
        });
      });
      req.setTimeout(CONTROL_MS, () => req.destroy(new Error(`upstream did not answer ${method} ${path} within ${CONTROL_MS} ms`)));
      req.once("error", reject);
      req.end(body === undefined ? undefined : JSON.stringify(body));
    });
    return work;
  }
}

interface ControlAnswer {
  readonly txid?: number;
  readonly replicated_txid?: number;
}

/** `litestream restore` of a replica (directory or URL) into a new file: the newest state, or one TXID or moment. */
export function upstreamRestore(
  binary: string,
  replicaPath: string,
  outputPath: string,
  target: { readonly txid?: bigint; readonly timestamp?: Date; readonly timeoutMs?: number; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<UpstreamResult> {
  const args = ["restore", "-o", outputPath];
  if (target.txid !== undefined) args.push("-txid", target.txid.toString(16).padStart(16, "0"));
  if (target.timestamp !== undefined) args.push("-timestamp", target.timestamp.toISOString());
  args.push(replicaURL(replicaPath));
  return runUpstream(binary, args, target.timeoutMs, target.env);
}

/** All files of a replica directory as upstream lists them, every level. */
export async function upstreamFiles(binary: string, replicaPath: string): Promise<UpstreamLTXFile[]> {
  const result = await runUpstream(binary, ["ltx", "-level", "all", "-json", replicaURL(replicaPath)]);
  if (result.exitCode !== 0) throw new Error(`litestream ltx failed: ${result.stderr}`);
  // `as`: upstream's documented output; it prints null for an empty list.
  return (JSON.parse(result.stdout) as UpstreamLTXFile[] | null) ?? [];
}

/** Runs one upstream command to its end; never rejects for a failing exit code. */
export function runUpstream(binary: string, args: readonly string[], timeoutMs = 120_000, env: Readonly<Record<string, string>> = {}): Promise<UpstreamResult> {
  return new Promise((resolve, reject) => {
    execFile(binary, [...args], { env: cleanEnv(env), timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, stdout, stderr });
      else if (typeof error.code === "number") resolve({ exitCode: error.code, stdout, stderr });
      else reject(new Error(`litestream ${args.join(" ")} did not end by itself: ${error.message}`, { cause: error }));
    });
  });
}

function configOf(socket: string, databases: readonly UpstreamDatabase[], settings: UpstreamSettings): string {
  const levels = (settings.levelIntervals ?? []).map((interval) => `  - interval: ${interval}`);
  const lines = [
    `socket: { enabled: true, path: ${JSON.stringify(socket)}, permissions: 0600 }`,
    `logging: { level: ${settings.logLevel ?? "debug"}, type: text, stderr: true }`,
    ...(levels.length === 0 ? ["levels: [{ interval: 1h }]"] : ["levels:", ...levels]),
    `snapshot: { interval: ${settings.snapshotInterval ?? "1h"}, retention: 24h }`,
    `l0-retention: ${settings.l0Retention ?? "1h"}`,
    `l0-retention-check-interval: ${settings.l0RetentionCheckInterval ?? "1s"}`,
    "shutdown-sync-timeout: 20s",
    "dbs:",
  ];
  for (const db of databases) {
    lines.push(
      `  - path: ${JSON.stringify(db.path)}`,
      `    monitor-interval: ${db.monitorInterval ?? "1h"}`,
      `    checkpoint-interval: ${db.checkpointInterval ?? "1h"}`,
      `    min-checkpoint-page-count: ${db.minCheckpointPages ?? 1000}`,
      `    replica: { url: ${JSON.stringify(replicaURL(db.replicaPath))}, sync-interval: ${db.monitorInterval ?? "1h"} }`,
    );
  }
  return `${lines.join("\n")}\n`;
}
