import { destinationName } from "../destination.js";
import type { LTXFileRef, ReplicaClient } from "../replica-client.js";
import { fileKey } from "./plan.js";

/** Which files of a destination are being read, and how often. */
type Pins = Map<string, number>;

const REGISTRY_KEY = Symbol.for("@ls/core.pins@1");

interface Registry {
  /** Of destinations that have a name, while files of them are pinned. */
  readonly named: Map<string, Pins>;
  /** Of all others: by their client. */
  readonly unnamed: WeakMap<ReplicaClient, Pins>;
}

/** On the global object, so that two copies of this module (a reader's bundle beside the engine's) agree on what is being read. */
function registry(): Registry {
  // `as`: a symbol-keyed slot on globalThis has no declared type.
  const slots = globalThis as { [REGISTRY_KEY]?: Registry };
  slots[REGISTRY_KEY] ??= { named: new Map(), unnamed: new WeakMap() };
  return slots[REGISTRY_KEY];
}

function find(client: ReplicaClient): Pins | undefined {
  const name = destinationName(client);
  return name === undefined ? registry().unnamed.get(client) : registry().named.get(name);
}

function findOrAdd(client: ReplicaClient): Pins {
  const pins = find(client) ?? new Map<string, number>();
  const name = destinationName(client);
  if (name === undefined) registry().unnamed.set(client, pins);
  else registry().named.set(name, pins);
  return pins;
}

/**
 * Keeps retention in this process from deleting files while they are read.
 * @returns lets them go; idempotent.
 */
export function pinFiles(client: ReplicaClient, files: readonly LTXFileRef[]): () => void {
  const pins = findOrAdd(client);
  const keys = files.map(fileKey);
  for (const key of keys) pins.set(key, (pins.get(key) ?? 0) + 1);
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    for (const key of keys) {
      const count = pins.get(key) ?? 0;
      if (count > 1) pins.set(key, count - 1);
      else pins.delete(key);
    }
    const name = destinationName(client);
    if (name !== undefined && pins.size === 0 && registry().named.get(name) === pins) registry().named.delete(name);
  };
}

/** Whether the file is being read by this process. */
export function isPinned(client: ReplicaClient, file: LTXFileRef): boolean {
  return find(client)?.has(fileKey(file)) ?? false;
}

/** What is pinned through one client counts for the other: one passes its calls on to the other. Of no effect where the destination has a name. */
export function sharePins(client: ReplicaClient, inner: ReplicaClient): void {
  if (destinationName(client) === undefined) registry().unnamed.set(client, findOrAdd(inner));
}
