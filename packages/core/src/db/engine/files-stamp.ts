import { statSync } from "node:fs";
import { followLinks } from "../../sqlite/borrowed-files.js";

/** A file system's clock may tick as slowly as this: a write within one tick of the stamp might not show in it. */
const TICK_MS = 100;

/**
 * What the system says of a database file and its WAL. While both are as they were, nothing was committed: a commit writes the WAL first, which moves
 * its times. The other way round it proves nothing: whatever differs only says that it is time to look.
 */
export class FilesStamp {
  readonly #database: string;
  readonly #wal: string;
  readonly #stamp: string;

  constructor(databasePath: string) {
    this.#database = databasePath;
    this.#wal = `${followLinks(databasePath)}-wal`;
    this.#stamp = this.#take();
  }

  /** Whether the WAL was last written so long ago that a later write shows. */
  get isSettled(): boolean {
    const wal = statSync(this.#wal, { throwIfNoEntry: false });
    return wal === undefined || (Date.now() - wal.mtimeMs >= TICK_MS && Date.now() - wal.ctimeMs >= TICK_MS);
  }

  /** Whether nothing happened since. */
  isCurrent(): boolean {
    return this.#take() === this.#stamp;
  }

  #take(): string {
    return `${describe(this.#database)} ${describe(this.#wal)}`;
  }
}

function describe(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "absent" : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}
