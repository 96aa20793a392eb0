import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withDeadline } from "./deadline.js";

/** One command to a child program. */
export interface Command {
  readonly id: number;
  readonly op: string;
  readonly params: unknown;
}

/** What a child program sends: the answer to a command, or something it tells unasked. */
export type Message =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ChildFailure }
  | { readonly event: unknown };

export interface ChildFailure {
  readonly message: string;
  readonly code?: string | undefined;
  readonly details?: unknown;
}

/** A command failed in the child; `code` is the original error's. */
export class ChildError extends Error {
  override readonly name = "ChildError";
  readonly code: string | undefined;
  readonly details: unknown;

  constructor(op: string, failure: ChildFailure) {
    super(`${op}: ${failure.message}`);
    this.code = failure.code;
    this.details = failure.details;
  }
}

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
  readonly execPath?: string;
  /** Without root's right to read and write everything: what belongs to others is as closed as its mode says. Needs root and setpriv (util-linux). */
  readonly unprivileged?: boolean;
  readonly onEvent?: (event: unknown) => void;
}

const COMMAND_MS = 120_000;
const DIST = join(fileURLToPath(import.meta.url), "..", "..", "dist");

/** The built file of one of the child programs. */
export function programPath(name: string): string {
  const path = join(DIST, `${name}.js`);
  if (!existsSync(path)) throw new Error(`${path} is not built; run: npx turbo run build`);
  return path;
}

/** The node to run, or what drops the privileges and becomes that node. */
function commandOf({ execPath = process.execPath, execArgv = [], unprivileged = false }: ChildOptions): { execPath: string; execArgv: string[] } {
  if (!unprivileged) return { execPath, execArgv: [...execArgv] };
  return { execPath: "setpriv", execArgv: ["--bounding-set=-all", "--inh-caps=-all", execPath, ...execArgv] };
}

/** A child program of this kit: commands over IPC, answers by id, killed at the end of its scope. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { op: string; resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #nextId = 1;
  #output = "";

  constructor(program: string, options: ChildOptions = {}) {
    this.#process = fork(programPath(program), [...(options.args ?? [])], {
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, ...options.env },
      ...commandOf(options),
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-20_000);
    };
    this.#process.stdout?.on("data", keep);
    this.#process.stderr?.on("data", keep);
    // `as`: only programs of this kit are started, and they send nothing else.
    this.#process.on("message", (message) => this.#receive(message as Message, options.onEvent));
    this.#exited = new Promise((resolve) => {
      this.#process.once("exit", (code, signal) => {
        for (const { op, reject } of this.#waiting.values()) {
          reject(
            new ChildError(op, {
              message: `${program} ended (${signal ?? code}) before it answered; output: ${this.#output.slice(-1500)}`,
              code: "CHILD_EXITED",
            }),
          );
        }
        this.#waiting.clear();
        resolve({ code, signal });
      });
    });
    this.#process.on("error", () => {
      // A failed send shows as the child's exit; a failed spawn as well.
    });
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  /** Standard output and error, the newest 20 kB. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.#exited;
  }

  /** Sends a command and waits for its answer. Rejects with {@link ChildError}. */
  async command<T>(op: string, params?: unknown, timeoutMs: number = COMMAND_MS): Promise<T> {
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => {
      if (!this.running) {
        reject(new ChildError(op, { message: "the child has ended already", code: "CHILD_EXITED" }));
        return;
      }
      this.#waiting.set(id, { op, resolve, reject });
      const command: Command = { id, op, params };
      this.#process.send(command, (error) => {
        // A child that was killed a moment ago is reported by its exit event, which may come after this.
        if (error !== null && this.running && !/EPIPE|ECONNRESET|ERR_IPC_CHANNEL_CLOSED/.test(`${error}`)) reject(error);
      });
    });
    // `as`: the caller states the result type of the program's command.
    return (await withDeadline(`the answer to "${op}"`, timeoutMs, answer)) as T;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.running) this.#process.kill("SIGKILL");
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #receive(message: Message, onEvent: ((event: unknown) => void) | undefined): void {
    if ("event" in message) {
      onEvent?.(message.event);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.ok) waiting?.resolve(message.result);
    else waiting?.reject(new ChildError(waiting.op, message.error));
  }
}
