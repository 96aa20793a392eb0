import { LSError } from "./errors.js";
import type { ReplicaClient } from "./replica-client.js";

/** What a backend package registers when it is imported. */
export interface Backend {
  /** The backend's own name: the same name registering again replaces itself. */
  readonly name: string;
  /** URL schemes it serves, lower case, without `://`. */
  readonly schemes: readonly string[];
  /** Makes a client for one URL. Synchronous, no I/O. */
  createClient(url: string): ReplicaClient;
}

/** Packages that serve a scheme, for the hint in `LS_UNKNOWN_SCHEME`. */
const KNOWN_PACKAGES: Readonly<Record<string, string>> = {
  file: "@ls/backend-file",
  s3: "@ls/backend-s3",
  gs: "@ls/backend-gcs",
  gcs: "@ls/backend-gcs",
  abs: "@ls/backend-abs",
  oss: "@ls/backend-oss",
  sftp: "@ls/backend-sftp",
  nats: "@ls/backend-nats",
  webdav: "@ls/backend-webdav",
  webdavs: "@ls/backend-webdav",
};

const REGISTRY_KEY = Symbol.for("@ls/core.backends@1");

/** The map lives on the global object, so that two copies of this module agree on who serves a scheme. */
function backends(): Map<string, Backend> {
  // `as`: a symbol-keyed slot on globalThis has no declared type.
  const slots = globalThis as { [REGISTRY_KEY]?: Map<string, Backend> };
  slots[REGISTRY_KEY] ??= new Map();
  return slots[REGISTRY_KEY];
}

/**
 * Makes a backend available to {@link fromURL}. Backend packages call it when they are imported.
 * @throws LSError `LS_SCHEME_TAKEN` when another backend serves one of the schemes; nothing is registered then.
 */
export function registerBackend(backend: Backend): void {
  const map = backends();
  for (const scheme of backend.schemes) {
    const holder = map.get(scheme);
    if (holder !== undefined && holder.name !== backend.name) {
      throw new LSError("LS_SCHEME_TAKEN", `${scheme}:// is served by the backend "${holder.name}" already, so "${backend.name}" cannot register it`, {
        details: { scheme, holder: holder.name },
      });
    }
  }
  for (const scheme of backend.schemes) map.set(scheme, backend);
}

/**
 * Makes the client for a replica URL such as `file:///backups/app`. No I/O happens.
 * @throws LSError `LS_INVALID_URL` for text without a scheme, `LS_UNKNOWN_SCHEME` when no imported backend serves the scheme.
 */
export function fromURL(url: string): ReplicaClient {
  const scheme = schemeOf(url);
  const backend = backends().get(scheme);
  if (backend !== undefined) return backend.createClient(url);
  const known = [...backends().keys()].sort().map((s) => `${s}://`);
  const registered = known.length === 0 ? "no backend is imported" : `imported: ${known.join(", ")}`;
  const suggestion = KNOWN_PACKAGES[scheme];
  const advice = suggestion === undefined ? "" : `; install ${suggestion} and add: import "${suggestion}"`;
  throw new LSError("LS_UNKNOWN_SCHEME", `no backend serves ${scheme}:// (${registered})${advice}`, {
    details: { scheme, ...(suggestion === undefined ? {} : { package: suggestion }) },
  });
}

function schemeOf(url: string): string {
  const match = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url);
  if (match?.[1] === undefined) {
    throw new LSError("LS_INVALID_URL", 'a replica URL starts with its scheme, as in "file:///backups/app"', {});
  }
  return match[1].toLowerCase();
}
