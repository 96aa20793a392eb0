import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { skipLoudly } from "./skip.js";

/** How a machine gets the peers. */
export const PEERS_COMMAND = "node scripts/peers.mjs";

const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
/** What the judge must answer to `version`: another minor may have another format. */
const UPSTREAM_VERSION = /^v?0\.5\.\d+/;
/** Variables that change what upstream or its SDKs do; `AWS_CA_BUNDLE` alone stops its S3 client from starting. */
const UNWANTED = /^(AWS_|LITESTREAM_|STORAGE_EMULATOR_HOST$|AZURE_|OSS_|GOOGLE_|https?_proxy$|no_proxy$|all_proxy$)/i;

/** The environment for a peer: ours without the variables that would redirect it. */
export function cleanEnv(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) if (!UNWANTED.test(name)) env[name] = value;
  return { ...env, ...extra };
}

let found: string | null | undefined;

/**
 * The upstream binary: `LS_LITESTREAM`, then the repository's `.peers/venv`, then `PATH`; `undefined` when there is none
 * of version 0.5.
 * @throws Error when `LS_LITESTREAM` names something else: a wrong setting is never skipped over.
 */
export function findUpstream(): string | undefined {
  found ??= search() ?? null;
  return found ?? undefined;
}

/** {@link findUpstream}, or `undefined` after a loud skip (an error under CI). */
export function upstreamOrSkip(): string | undefined {
  const binary = findUpstream();
  if (binary === undefined) skipLoudly("the upstream litestream 0.5 binary", PEERS_COMMAND);
  return binary;
}

function search(): string | undefined {
  const named = process.env.LS_LITESTREAM;
  if (named !== undefined && named !== "") {
    const version = versionOf(named);
    if (version === undefined || !UPSTREAM_VERSION.test(version)) {
      throw new Error(`LS_LITESTREAM=${named} is not litestream 0.5 (it answered ${version === undefined ? "nothing" : JSON.stringify(version)})`);
    }
    return named;
  }
  const local = join(REPOSITORY, ".peers", "venv", "bin", "litestream");
  if (existsSync(local) && UPSTREAM_VERSION.test(versionOf(local) ?? "")) return local;
  return UPSTREAM_VERSION.test(versionOf("litestream") ?? "") ? "litestream" : undefined;
}

function versionOf(binary: string): string | undefined {
  try {
    return execFileSync(binary, ["version"], { encoding: "utf8", env: cleanEnv(), timeout: 10_000, stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}

/** Storage servers of others, by the name of their program. */
export type ServerName = "versitygw" | "weed" | "rclone" | "redis-server";

/** Where `scripts/peers.mjs` puts each, below `.peers`; `undefined` for one that comes from the system's own packages. */
const SERVER_FOLDERS: Readonly<Record<ServerName, readonly string[] | undefined>> = {
  versitygw: ["bin"],
  weed: ["venv", "bin"],
  rclone: ["venv", "bin"],
  "redis-server": undefined,
};

/** A server's binary: `LS_<NAME>`, then the repository's `.peers`, then `PATH`. */
function findServer(name: ServerName): string | undefined {
  const variable = `LS_${name.toUpperCase().replaceAll("-", "_")}`;
  const named = process.env[variable];
  if (named !== undefined && named !== "") {
    if (!existsSync(named)) throw new Error(`${variable}=${named} does not exist`);
    return named;
  }
  const ours = SERVER_FOLDERS[name];
  const folders = [...(ours === undefined ? [] : [join(REPOSITORY, ".peers", ...ours)]), ...(process.env.PATH ?? "").split(delimiter)];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** {@link findServer}, or `undefined` after a loud skip (an error under CI). */
export function serverOrSkip(name: ServerName): string | undefined {
  const binary = findServer(name);
  const command = SERVER_FOLDERS[name] === undefined ? `apt-get install -y ${name}` : PEERS_COMMAND;
  if (binary === undefined) skipLoudly(`the server ${name}`, command);
  return binary;
}
