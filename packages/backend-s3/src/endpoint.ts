import { BlockList, isIP } from "node:net";
import { LSError } from "@ls/core/backend-kit";

/** Where an S3 compatible service listens. */
export interface Endpoint {
  /** With scheme, without a slash at the end. */
  readonly url: string;
  /** Lower case, without port and brackets. */
  readonly hostname: string;
  readonly isEncrypted: boolean;
  /** On this machine or in a private network. */
  readonly isLocal: boolean;
}

const PRIVATE = new BlockList();
for (const [net, bits] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
] as const)
  PRIVATE.addSubnet(net, bits, "ipv4");
for (const [net, bits] of [
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  PRIVATE.addSubnet(net, bits, "ipv6");

/**
 * `https://host`, `host`, `host:port`, `[::1]:9000`; a path is kept (Supabase has one). Without a scheme it is http for this machine and private
 * networks, else https. Judged by the parsed host, never by its text: `10.example.com` is no private address, and `a@b` no host at all.
 * @throws LSError `LS_INVALID_OPTION`.
 */
export function parseEndpoint(text: string): Endpoint {
  const trimmed = text.trim();
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed);
  const url = parsed(withScheme ? trimmed : `https://${trimmed}`);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw invalid("must be an http:// or https:// URL");
  if (url.username !== "" || url.password !== "") throw invalid("must not hold a user name or password");
  if (url.search !== "" || url.hash !== "") throw invalid("must not have a query or fragment");
  const hostname = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const isLocal = isLocalHost(hostname);
  const protocol = withScheme ? url.protocol : isLocal ? "http:" : "https:";
  // A URL parsed as https has lost an explicit :443, and as http an explicit :80.
  const port = withScheme ? url.port : (/:(\d+)(?:\/|$)/.exec(trimmed.replace(/^\[[^\]]*\]/, "x"))?.[1] ?? "");
  return {
    url: `${protocol}//${url.hostname}${port === "" ? "" : `:${port}`}${url.pathname.replace(/\/+$/, "")}`,
    hostname,
    isEncrypted: protocol === "https:",
    isLocal,
  };
}

/** Whether a host is this machine or in a private network, as far as its name or address tells. */
export function isLocalHost(hostname: string): boolean {
  const kind = isIP(hostname);
  if (kind !== 0) return PRIVATE.check(hostname, kind === 4 ? "ipv4" : "ipv6");
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname.endsWith(".local");
}

function parsed(text: string): URL {
  try {
    return new URL(text);
  } catch {
    // Its message would repeat the text, which may hold a password.
    throw invalid("is not a URL or host name");
  }
}

function invalid(why: string): LSError {
  return new LSError("LS_INVALID_OPTION", `endpoint ${why}`, { details: { option: "endpoint" } });
}
