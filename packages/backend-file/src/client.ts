import { readdir, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type {
  CallOptions,
  InitOptions,
  ListOptions,
  LTXFileInfo,
  LTXFileRef,
  OpenOptions,
  ReplicaClient,
  ReplicaClientCapabilities,
  WriteOptions,
} from "@ls/core/backend-kit";
import { ALL_LEVELS, fileSystemError, LSError, rejectUnknownOptions, systemErrorCode, throwUndeleted } from "@ls/core/backend-kit";
import { deleteLevels } from "./delete-levels.js";
import { BRIEF_CALLS_ELSEWHERE, BRIEF_CALLS_HERE } from "./descriptors.js";
import { ensureDirectory, type Ownership, ownershipOf } from "./directory.js";
import { isTempName, levelDirectory, ltxFilePath } from "./layout.js";
import { listLevel, PresentLevels } from "./list.js";
import { isOnLocalFileSystem } from "./local-file-system.js";
import { readFileRange } from "./read-file.js";
import { writeFileAtomically } from "./write-file.js";

/** Temporary files older than this belong to nobody who still writes them. */
const STALE_TEMP_MS = 60 * 60 * 1000;

/** Options of a `FileReplicaClient`. */
export interface FileReplicaClientOptions {
  /** Directory that holds the replica; created by the first write. Relative paths are resolved now. */
  readonly path: string;
}

/**
 * A replica in a directory, in upstream's layout. Files appear complete and durable, with the LTX header's time as their
 * mtime. Reading never changes anything; {@link init} and the first write remove temporary files that a crash left an hour ago or longer.
 */
export class FileReplicaClient implements ReplicaClient {
  readonly type: string = "file";
  readonly capabilities: ReplicaClientCapabilities = { createOnly: true, rawKeys: false, orderedSeek: false, timestamps: "listing" };
  /** Absolute path of the replica's directory. */
  readonly path: string;
  /** The directory as a URL. */
  readonly destination: string;
  #ownership: Ownership = ownershipOf(undefined);
  #swept: Promise<void> | undefined;
  readonly #levels: PresentLevels;
  /** The replica's directories that exist durably. */
  readonly #ensured: Set<string> = new Set();
  /** Whether they lie on a file system of this machine alone; `undefined` = not known, or something has failed since. */
  #isLocal: boolean | undefined;

  /** @throws LSError `LS_INVALID_OPTION` for an unknown option or an empty path. */
  constructor(options: FileReplicaClientOptions) {
    rejectUnknownOptions("FileReplicaClient", options, ["path"]);
    if (typeof options.path !== "string" || options.path === "" || options.path.includes("\0")) {
      throw new LSError("LS_INVALID_OPTION", "FileReplicaClient: path must name a directory", { details: { option: "path" } });
    }
    this.path = resolve(options.path);
    this.destination = pathToFileURL(this.path).href;
    this.#levels = new PresentLevels(this.path);
  }

  async init(options: InitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (options.owner !== undefined) this.#ownership = ownershipOf(options.owner);
    this.#swept ??= this.#sweepTempFiles().catch((error: unknown) => {
      this.#swept = undefined;
      throw error;
    });
    await this.#swept;
  }

  async *ltxFiles(level: number, options: ListOptions = {}): AsyncGenerator<LTXFileInfo, void, undefined> {
    options.signal?.throwIfAborted();
    yield* listLevel({
      levels: this.#levels,
      root: this.path,
      level,
      seek: options.seek ?? 0n,
      fromHeaders: options.accurateTimestamps ?? false,
      signal: options.signal,
    });
  }

  openLTXFile(ref: LTXFileRef, options: OpenOptions = {}): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    const { offset = 0, size = 0, reuseChunks = false, signal } = options;
    return readFileRange(this.path, ref, { offset, size, reuseChunks, signal });
  }

  /** The replica's directory, while it lies on a file system of this machine alone (known on Linux), and a subclass does not read files in its own way. */
  async localDirectory(): Promise<string | undefined> {
    if (this.openLTXFile !== FileReplicaClient.prototype.openLTXFile) return undefined;
    return (this.#isLocal ?? (await isOnLocalFileSystem(this.path))) ? this.path : undefined;
  }

  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<LTXFileInfo> {
    const path = ltxFilePath(this.path, ref);
    await this.init({ signal: options.signal });
    await this.#ensureLevel(dirname(path));
    try {
      const { createOnly = false, signal } = options;
      this.#isLocal ??= await isOnLocalFileSystem(this.path);
      const calls = this.#isLocal ? BRIEF_CALLS_HERE : BRIEF_CALLS_ELSEWHERE;
      const { size, timestampMs } = await writeFileAtomically(path, data, { ownership: this.#ownership, calls, createOnly, signal });
      return { level: ref.level, minTXID: ref.minTXID, maxTXID: ref.maxTXID, size, createdAt: new Date(timestampMs) };
    } catch (error) {
      // Someone may have removed the directory; the next write makes it again, and it may lie elsewhere.
      this.#ensured.clear();
      this.#isLocal = undefined;
      throw error;
    }
  }

  async deleteLTXFiles(refs: readonly LTXFileRef[], options: CallOptions = {}): Promise<void> {
    const failures: Error[] = [];
    for (const ref of refs) {
      options.signal?.throwIfAborted();
      const path = ltxFilePath(this.path, ref);
      await unlink(path).catch((error: unknown) => {
        if (systemErrorCode(error) !== "ENOENT") failures.push(fileSystemError(error, "delete", path));
      });
    }
    throwUndeleted(failures, refs.length);
  }

  /** Removes the files in the levels, and the directories that are empty then. */
  async deleteAll(options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#ensured.clear();
    this.#isLocal = undefined;
    await deleteLevels(this.path, options.signal);
  }

  async close(): Promise<void> {
    // Nothing is held between calls.
  }

  async #ensureLevel(directory: string): Promise<void> {
    try {
      await ensureDirectory(directory, this.path, this.#ownership, this.#ensured);
    } catch (error) {
      throw fileSystemError(error, "create", directory);
    }
  }

  /** The age is taken from ctime: a finished temporary file carries the mtime of its transaction. */
  async #sweepTempFiles(): Promise<void> {
    const oldest = Date.now() - STALE_TEMP_MS;
    const isPresent = await Promise.all(ALL_LEVELS.map((level) => this.#levels.has(level)));
    for (const level of ALL_LEVELS.filter((_, i) => isPresent[i])) {
      const directory = levelDirectory(this.path, level);
      try {
        for (const name of (await readdir(directory)).filter(isTempName)) {
          const path = join(directory, name);
          if ((await stat(path)).ctimeMs < oldest) await unlink(path);
        }
      } catch (error) {
        if (systemErrorCode(error) !== "ENOENT") throw fileSystemError(error, "clean", directory);
      }
    }
  }
}
