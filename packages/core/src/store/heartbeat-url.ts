import { LSError } from "../errors.js";

/** Where a heartbeat goes. Both parts may hold secrets. */
export interface HeartbeatURL {
  readonly href: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * `fetch` refuses URLs with a user in them, so that becomes a header.
 * @throws LSError `LS_INVALID_OPTION`; what was given is not in it.
 */
export function heartbeatURLOf(given: string | URL | undefined): HeartbeatURL | undefined {
  if (given === undefined) return undefined;
  if (!URL.canParse(String(given))) throw invalid();
  const url = new URL(given);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw invalid();
  const { username, password } = url;
  url.username = "";
  url.password = "";
  const headers = username === "" && password === "" ? {} : { Authorization: `Basic ${base64(`${decoded(username)}:${decoded(password)}`)}` };
  return { href: url.href, headers };
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid();
  }
}

function invalid(): LSError {
  return new LSError("LS_INVALID_OPTION", "Store: heartbeatURL must be an http:// or https:// URL", { details: { option: "heartbeatURL" } });
}
