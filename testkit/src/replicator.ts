import { Child, programPath } from "./child.js";

/** The moments at which {@link Replicator} can be made to die, and which it notes for a look after its death. */
export type ReplicatorPhase =
  | "checkpoint"
  | "wal sync"
  | "staging write"
  | "staging sync"
  | "staging rename"
  | "staged"
  | "page table"
  | "upload write"
  | "upload sync"
  | "upload rename"
  | "uploaded"
  | "merge write"
  | "merge sync"
  | "merge rename"
  | "merged"
  | "snapshot write"
  | "snapshot sync"
  | "snapshot rename"
  | "snapshot stored"
  | "retention delete";

export interface ReplicatorOptions {
  readonly path: string;
  /** Directory or URL of the replica (`file:` and `s3:`). */
  readonly replicaPath: string;
  /** Passed to `new DB`, beside `replica`; structured-cloneable. */
  readonly db?: Readonly<Record<string, unknown>>;
  /** Passed to `new Replica`. */
  readonly replica?: Readonly<Record<string, unknown>>;
  /** Passed to `new Store`: the database is opened in one, and its destination kept. Absent: a `DB` alone. */
  readonly store?: Readonly<Record<string, unknown>> | undefined;
  /** Where the program notes its phase. */
  readonly phasePath?: string;
  /** SIGKILL to itself on entering this phase for the `nth` file, or the `nth` call where there is no file (1 = first). Needs `phasePath`. */
  readonly killAt?: { readonly phase: ReplicatorPhase; readonly nth: number };
  /** Every upload hangs: staged files pile up. Default false. */
  readonly hangUploads?: boolean;
  /** More environment variables, such as credentials. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another node binary. */
  readonly execPath?: string;
  /** As a user who owns nothing of others: see `ChildOptions`. */
  readonly unprivileged?: boolean;
  readonly onEvent?: (event: unknown) => void;
}

/** What `db.syncStatus()` answers. */
export interface SyncStatus {
  readonly localTXID: bigint;
  readonly remoteTXID: bigint;
  readonly inSync: boolean;
}

/** `@ls/core` at work in a process of its own, from the built packages. */
export class Replicator implements AsyncDisposable {
  readonly child: Child;

  constructor(options: ReplicatorOptions) {
    const phased = options.phasePath !== undefined;
    this.child = new Child("replicator", {
      args: [
        JSON.stringify({
          path: options.path,
          replicaPath: options.replicaPath,
          db: options.db ?? {},
          replica: options.replica ?? {},
          store: options.store,
          hangUploads: options.hangUploads ?? false,
        }),
      ],
      // Worker threads inherit the preload, so phases are noted wherever the engine runs.
      ...(phased ? { execArgv: ["--import", programPath("phases")] } : {}),
      env: phased
        ? {
            ...options.env,
            LS_PHASE_FILE: options.phasePath,
            LS_PHASE_REPLICA: options.replicaPath,
            LS_PHASE_DATABASE: options.path,
            ...(options.killAt === undefined ? {} : { LS_PHASE_KILL: `${options.killAt.phase}#${options.killAt.nth}` }),
          }
        : { ...options.env },
      ...(options.execPath === undefined ? {} : { execPath: options.execPath }),
      ...(options.unprivileged === undefined ? {} : { unprivileged: options.unprivileged }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    });
  }

  open(): Promise<void> {
    return this.child.command("open");
  }

  ensureExists(): Promise<string> {
    return this.child.command("ensureExists");
  }

  /** The TXID it cut. */
  sync(): Promise<bigint> {
    return this.child.command("sync");
  }

  /** Resolves when everything committed before is durable at the destination: the TXID that holds it. */
  syncAndWait(): Promise<bigint> {
    return this.child.command("syncAndWait");
  }

  syncStatus(): Promise<SyncStatus> {
    return this.child.command("syncStatus");
  }

  status(): Promise<unknown> {
    return this.child.command("status");
  }

  checkpoint(): Promise<unknown> {
    return this.child.command("checkpoint");
  }

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
