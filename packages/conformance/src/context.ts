import { randomBytes } from "node:crypto";
import type { LTXFileRef, ReplicaClient, ReplicaClientCapabilities } from "@ls/core/backend-kit";
import type { ConformanceOptions, Facilities, Impossible, Trouble } from "./options.js";

type Subject = Pick<ConformanceOptions, "create" | "capabilities" | "facilities">;
type Facility<K extends keyof Facilities> = Exclude<Facilities[K], Impossible>;

/** What one case works with: places of its own, clients that are closed after it, and the service's facilities. */
export class CaseContext {
  readonly #subject: Subject;
  readonly #run: string = randomBytes(4).toString("hex");
  readonly #clients: ReplicaClient[] = [];
  readonly #places: Set<string> = new Set();
  readonly #undo: (() => Promise<void>)[] = [];

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** What the clients are to declare. */
  get capabilities(): ReplicaClientCapabilities {
    return this.#subject.capabilities;
  }

  /** A new client of a place that only this case uses; the same name again is the same destination. */
  client(name = "app"): ReplicaClient {
    const client = this.#subject.create(this.#place(name));
    this.#clients.push(client);
    return client;
  }

  /** Stores a foreign object among the files of a level. */
  async putForeign(level: number, name: string): Promise<void> {
    await this.#facility("foreign")(this.#place("app"), level, name);
  }

  outage(): Promise<Trouble> {
    return this.#trouble("outage");
  }

  denied(): Promise<Trouble> {
    return this.#trouble("denied");
  }

  async makeUndeletable(ref: LTXFileRef): Promise<void> {
    this.#undo.push(await this.#facility("undeletable")(this.#place("app"), ref));
  }

  /** Requests so far. */
  async requests(): Promise<number> {
    return await this.#facility("requests")();
  }

  secrets(): readonly string[] {
    return this.#facility("secrets")();
  }

  /** Ends all trouble, removes the case's files and closes its clients. Failures are not told: deleting and closing have cases of their own. */
  async cleanUp(): Promise<void> {
    for (const undo of this.#undo.reverse()) await undo().catch(() => {});
    for (const place of this.#places) {
      const client = this.#subject.create(place);
      this.#clients.push(client);
      await client.deleteAll().catch(() => {});
    }
    for (const client of this.#clients) await client.close().catch(() => {});
  }

  async #trouble(kind: "outage" | "denied"): Promise<Trouble> {
    const trouble = await this.#facility(kind)(this.#place("app"));
    this.#clients.push(trouble.client);
    this.#undo.push(() => trouble.end());
    return trouble;
  }

  #place(name: string): string {
    const place = `${this.#run}/${name}`;
    this.#places.add(place);
    return place;
  }

  #facility<K extends keyof Facilities>(name: K): Facility<K> {
    const facility = this.#subject.facilities[name];
    if (typeof facility !== "function") throw new Error(`the case does not say that it needs "${name}"`);
    // `as`: what is a function is not Impossible; TypeScript does not narrow a generic lookup.
    return facility as Facility<K>;
  }
}
