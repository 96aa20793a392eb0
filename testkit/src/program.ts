import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { waitFor, withDeadline } from "./deadline.js";

const LIMIT_MS = 60_000;

export interface ProgramOptions {
  /** Working directory. */
  readonly cwd: string;
  readonly args?: readonly string[];
  /** The whole environment. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it wrote to stdout and stderr. */
  readonly output: string;
}

/** Somebody else's Node program, an example for instance: started, listened to, told to stop; killed at the end of its scope. */
export class Program implements AsyncDisposable {
  readonly #path: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<ProgramEnd>;
  #output = "";

  private constructor(path: string, { cwd, args = [], env = process.env }: ProgramOptions) {
    this.#path = path;
    this.#process = spawn(process.execPath, [path, ...args], { cwd, env: { ...env }, stdio: ["ignore", "pipe", "pipe"] });
    const keep = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    this.#process.stdout?.on("data", keep);
    this.#process.stderr?.on("data", keep);
    // "close" comes after the last byte of output.
    this.#ended = once(this.#process, "close").then(() => ({ code: this.#process.exitCode, signal: this.#process.signalCode, output: this.#output }));
  }

  static start(path: string, options: ProgramOptions): Program {
    return new Program(path, options);
  }

  /** Runs a program to its end. */
  static async run(path: string, options: ProgramOptions): Promise<ProgramEnd> {
    await using program = new Program(path, options);
    return await program.ended();
  }

  /** What it has written to stdout and stderr so far. */
  get output(): string {
    return this.#output;
  }

  /** Waits until the output matches. @throws Error with the output when the program ends before it does. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return await waitFor(`${pattern} in the output of ${this.#path}`, LIMIT_MS, () => {
      const match = pattern.exec(this.#output);
      if (match === null && this.#process.exitCode !== null) throw new Error(`${this.#path} ended:\n${this.#output}`);
      return match ?? undefined;
    });
  }

  /** Sends a signal. */
  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Waits for the end. */
  async ended(): Promise<ProgramEnd> {
    return await withDeadline(`the end of ${this.#path}`, LIMIT_MS, this.#ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}
