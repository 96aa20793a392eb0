import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { withDeadline } from "@ls/testkit";
import { BENCH_ROOT } from "../common/report.js";
import type { CommitsRequest, TransactionRequest, TransactionResult, WriterRequest, WriterResult } from "./writer-protocol.js";

const START_MS = 20_000;
const GRACE_MS = 30_000;
const TRANSACTION_MS = 120_000;

/** The writing application in a process of its own. */
export class Writer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;

  private constructor(path: string) {
    const child = spawn(process.execPath, [join(BENCH_ROOT, "dist", "programs", "commit-writer.js"), path], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", resolve);
      child.once("error", resolve);
    });
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts it and waits until the database exists. */
  static async start(path: string): Promise<Writer> {
    const writer = new Writer(path);
    await writer.#nextLine("the writer's start", START_MS);
    return writer;
  }

  async work(request: CommitsRequest): Promise<WriterResult> {
    this.#send(request);
    // `as`: what the program answers to such a request.
    return (await this.#nextLine("the writer's work", request.seconds * 1000 + GRACE_MS)) as WriterResult;
  }

  /** Commits one large transaction. */
  async transaction(request: TransactionRequest): Promise<TransactionResult> {
    this.#send(request);
    // `as`: what the program answers to such a request.
    return (await this.#nextLine("the writer's transaction", TRANSACTION_MS)) as TransactionResult;
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    await withDeadline("the writer's exit", GRACE_MS, this.#exited);
  }

  #send(request: WriterRequest): void {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
  }

  async #nextLine(what: string, milliseconds: number): Promise<unknown> {
    const { value, done } = await withDeadline(what, milliseconds, this.#lines.next());
    if (done === true) throw new Error(`${what}: the writer ended (exit code ${this.#child.exitCode})`);
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#exited;
  }
}
