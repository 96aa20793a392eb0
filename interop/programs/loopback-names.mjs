// Host names below .test (RFC 6761) are this machine: stands in for a DNS zone in which each bucket is a host. A preload, also for workers.
import dns from "node:dns";

const lookup = dns.lookup;

/** @type {any} */
const patched = (/** @type {string} */ name, /** @type {any[]} */ ...rest) =>
  // `as`: whichever of lookup's signatures the caller used.
  /** @type {any} */ (lookup)(name.endsWith(".test") ? "127.0.0.1" : name, ...rest);

dns.lookup = patched;
