import { pathToFileURL } from "node:url";

/** The URL of a replica that is named by its directory or by its URL. */
export function replicaURL(place: string): string {
  return /^[a-z0-9]+:\/\//i.test(place) ? place : pathToFileURL(place).href;
}
