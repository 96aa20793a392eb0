import { Program, type ProgramEnd } from "./program.js";

export interface NotesServiceOptions {
  /** Working directory. */
  readonly cwd: string;
  /** Where it replicates its database to. */
  readonly replicaURL: string;
}

/** One of the example services, which all serve the same notes by HTTP, on a free port. */
export class NotesService implements AsyncDisposable {
  readonly #program: Program;
  readonly #base: string;

  private constructor(program: Program, port: string) {
    this.#program = program;
    this.#base = `http://localhost:${port}`;
  }

  /** @param main the built program, which says where it listens. */
  static async start(main: string, { cwd, replicaURL }: NotesServiceOptions): Promise<NotesService> {
    const program = Program.start(main, { cwd, env: { ...process.env, PORT: "0", REPLICA_URL: replicaURL } });
    try {
      const [, port = ""] = await program.says(/Listening on \D*?(?:\d+\.\d+\.\d+\.\d+:|\[::1\]:)?(\d+)\n/);
      return new NotesService(program, port);
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  async post(note: object): Promise<Response> {
    return await fetch(`${this.#base}/notes`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(note) });
  }

  async get(path: string): Promise<Response> {
    return await fetch(`${this.#base}${path}`);
  }

  /** Tells it to end, and waits for that. */
  async stop(): Promise<ProgramEnd> {
    this.#program.signal("SIGTERM");
    return await this.#program.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
