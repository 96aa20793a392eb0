import type { LTXFileRef } from "@ls/core/backend-kit";
import type { Connection } from "./connection.js";
import type { Settings } from "./settings.js";

/** What every operation needs: how to reach the service, and where in it the replica lies. */
export interface Place {
  readonly connection: Connection;
  readonly settings: Settings;
}

/** A key as messages name it. */
export function label({ settings }: Place, key: string): string {
  return `s3://${settings.bucket}/${key}`;
}

export function keyOf({ settings }: Place, ref: LTXFileRef): string {
  return settings.layout.key(ref);
}
