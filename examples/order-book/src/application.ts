import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { WriterMessage } from "./messages.js";

/** Longest that the writer may take for one step. */
const STEP_TIMEOUT_MS = 30_000;

/** The application's process, as seen from outside. */
export class Application {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts the writer; resolves when its tables exist. */
  static async start(writer: URL, database: string, seed: number, commitsPerSecond: number): Promise<Application> {
    const child = fork(writer, [database, String(seed), String(commitsPerSecond)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const application = new Application(child);
    await application.#told("ready");
    return application;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Has the writer begin a transaction, and kills it inside; resolves when the process is gone. */
  async killMidTransaction(): Promise<void> {
    const inside = this.#told("mid-transaction");
    this.#child.send("begin and stay");
    await inside;
    await this.kill();
  }

  async kill(): Promise<void> {
    if (!this.running) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  #told(type: WriterMessage["type"]): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(new Error(`the writer did not say "${type}" within ${STEP_TIMEOUT_MS / 1000} s`)), STEP_TIMEOUT_MS);
      const onExit = (code: number | null) => finish(new Error(`the writer ended with exit code ${code}`));
      const onMessage = (message: WriterMessage) => {
        if (message.type === type) finish();
      };
      const finish = (error?: Error) => {
        clearTimeout(timer);
        this.#child.off("exit", onExit).off("message", onMessage);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#child.on("exit", onExit).on("message", onMessage);
    });
  }
}
