import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { isLSError } from "@ls/core/backend-kit";
import { conflict } from "./conflict.js";
import { isMissingObject, isNotImplemented, isPreconditionFailed } from "./errors.js";
import { label, type Place } from "./place.js";

const PROBE_NAME = "create-only-probe";
const PROBE_TEXT = "Tests whether this service refuses to overwrite when asked to. May be deleted.\n";

/**
 * Finds out whether the service honours `If-None-Match: *`: some ignore it and overwrite. Asked once, at the first write that depends on it, with an
 * object beside the levels: it is stored twice under the condition, and the second time has to be refused. Whoever stored it deletes it, so two that
 * ask at a time do not mislead one another; where deleting is not allowed it stays, and answers the next time with one request.
 */
export class CreateOnlyProbe {
  readonly #place: Place;
  #answer: Promise<boolean> | undefined;
  #isSupported = true;

  constructor(place: Place) {
    this.#place = place;
  }

  /** False only when the service was found to overwrite. */
  get isSupported(): boolean {
    return this.#isSupported;
  }

  /**
   * Whether `key` can be created under the condition. Where the service cannot, at least looks before.
   * @throws LSError `LS_CONFLICT` when it cannot, and the key exists.
   */
  async allows(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    // No caller's signal: the answer is everybody's.
    this.#answer ??= this.#ask().catch((error: unknown) => {
      this.#answer = undefined;
      throw error;
    });
    this.#isSupported = await this.#answer;
    signal?.throwIfAborted();
    if (!this.#isSupported && (await this.#exists(key, signal))) throw conflict(label(this.#place, key));
    return this.#isSupported;
  }

  async #ask(): Promise<boolean> {
    const first = await this.#store();
    if (first !== "stored") return first === "refused";
    const isSupported = (await this.#store()) === "refused";
    await this.#remove();
    return isSupported;
  }

  get #key(): string {
    return this.#place.settings.layout.root + PROBE_NAME;
  }

  async #store(): Promise<"stored" | "refused" | "unknown"> {
    const { connection, settings } = this.#place;
    const body = new TextEncoder().encode(PROBE_TEXT);
    const input = { Bucket: settings.bucket, Key: this.#key, Body: body, ContentLength: body.length, IfNoneMatch: "*", ...settings.encryption.forWrite };
    return connection.request({ what: `write ${label(this.#place, this.#key)}`, signal: undefined }, async (client, call) => {
      try {
        await client.send(new PutObjectCommand(input), call);
        return "stored";
      } catch (error) {
        if (isPreconditionFailed(error)) return "refused";
        if (isNotImplemented(error)) return "unknown";
        throw error;
      }
    });
  }

  async #remove(): Promise<void> {
    const { connection, settings } = this.#place;
    const input = { Bucket: settings.bucket, Key: this.#key };
    await connection
      .request({ what: `delete ${label(this.#place, this.#key)}`, signal: undefined }, (client, call) => client.send(new DeleteObjectCommand(input), call))
      .catch((error: unknown) => {
        // A destination that only grows is a good one; the next who asks finds it there.
        if (!isLSError(error, "LS_STORAGE_DENIED")) throw error;
      });
  }

  async #exists(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    const { connection, settings } = this.#place;
    const input = { Bucket: settings.bucket, Key: key, ...settings.encryption.forRead };
    return connection.request({ what: `look for ${label(this.#place, key)}`, signal }, async (client, call) => {
      try {
        await client.send(new HeadObjectCommand(input), call);
        return true;
      } catch (error) {
        if (isMissingObject(error)) return false;
        throw error;
      }
    });
  }
}
