import { Child, ChildError } from "./child.js";
import type { Action, WorkloadName } from "./workload.js";

export interface WriterOpen {
  readonly path: string;
  readonly seed: number;
  readonly workload: WorkloadName;
  /** Only for a database that does not exist yet. Default SQLite's 4096. */
  readonly pageSize?: number;
  readonly busyTimeoutMs?: number;
  readonly synchronous?: "OFF" | "NORMAL" | "FULL";
  /** Whether the application checkpoints, by itself and where the workload says so. Default true. */
  readonly checkpoints?: boolean;
  /** Where the program notes what it is doing, for a look after a SIGKILL (`readPhase`). */
  readonly phasePath?: string;
}

export interface Committed {
  /** Highest number in the `ledger` table. */
  readonly committed: number;
}

/** An application in a process of its own, which writes to one database when told. */
export class Writer implements AsyncDisposable {
  readonly child: Child;

  private constructor(child: Child) {
    this.child = child;
  }

  static async start(options: WriterOpen, env: Readonly<Record<string, string>> = {}): Promise<Writer> {
    const writer = new Writer(new Child("writer", { env }));
    try {
      await writer.child.command("open", options);
    } catch (error) {
      await writer.child.kill();
      throw error;
    }
    return writer;
  }

  /** Runs `count` steps of the workload one after another. */
  step(count: number): Promise<Committed & { actions: Action[] }> {
    return this.child.command("step", { count });
  }

  act(action: Action): Promise<Committed> {
    return this.child.command("act", { action });
  }

  /** Begins the action and dies by SIGKILL at most `withinMs` later; resolves when the process is gone. */
  async actAndDie(action: Action, withinMs: number): Promise<void> {
    await this.child.command("actAndDie", { action, withinMs }).catch((error: unknown) => {
      if (!(error instanceof ChildError) || error.code !== "CHILD_EXITED") throw error;
    });
    await this.child.exited;
  }

  /** One transaction of at least `bytes` bytes. */
  huge(bytes: number): Promise<Committed> {
    return this.child.command("huge", { bytes }, 600_000);
  }

  /** Goes on by itself, at full speed or `perSecond`, until {@link pause}. */
  run(perSecond?: number): Promise<void> {
    return this.child.command("run", perSecond === undefined ? {} : { perSecond });
  }

  /** Ends after the transaction in work. Rejects when one has failed meanwhile. */
  pause(): Promise<Committed> {
    return this.child.command("pause");
  }

  committed(): Promise<Committed> {
    return this.child.command("committed");
  }

  /** Begins a write transaction, writes rows and leaves it open. */
  beginOpen(): Promise<void> {
    return this.child.command("beginOpen");
  }

  endOpen(commit: boolean): Promise<Committed> {
    return this.child.command("endOpen", { commit });
  }

  /** Opens a read transaction on a second connection and keeps it. */
  beginRead(path: string): Promise<Committed> {
    return this.child.command("beginRead", { path });
  }

  endRead(): Promise<void> {
    return this.child.command("endRead");
  }

  sql(text: string): Promise<void> {
    return this.child.command("sql", { text });
  }

  /** Closes its connections properly; the process stays until {@link kill}. */
  close(): Promise<void> {
    return this.child.command("close");
  }

  kill(): Promise<void> {
    return this.child.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill();
  }
}
