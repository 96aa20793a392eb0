import { readFile } from "node:fs/promises";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { LSError } from "@ls/core/backend-kit";

/** Sets of certificates whose contexts are kept. A process has one or two; more only where files are replaced while it runs. */
const MAX_CONTEXTS = 8;
const contexts = new Map<string, SecureContext>();

/**
 * Which certificates to trust, or undefined for Node's own choice: those given are added to it, never put in its place. Clients that are given the same
 * share one context, as parsing a machine's whole bundle takes longer than all else that a client does before its first request.
 * @throws LSError `LS_INVALID_OPTION`.
 */
export async function trustedCertificates(pem: string | undefined, files: readonly string[]): Promise<SecureContext | undefined> {
  if (pem === undefined && files.length === 0) return undefined;
  const bundles = await Promise.all(files.map(readBundle));
  const given = pem === undefined ? bundles : [pem, ...bundles];
  const key = given.join("\n");
  let context = contexts.get(key);
  if (context === undefined) {
    context = createSecureContext({ ca: [...rootCertificates, ...given] });
    contexts.set(key, context);
    for (const oldest of contexts.keys()) if (contexts.size > MAX_CONTEXTS) contexts.delete(oldest);
  }
  return context;
}

async function readBundle(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new LSError("LS_INVALID_OPTION", `the certificates in ${path}, which AWS_CA_BUNDLE or NODE_EXTRA_CA_CERTS names, cannot be read`, {
      cause,
      details: { option: "ca", path },
    });
  });
  if (!text.includes("-----BEGIN CERTIFICATE-----"))
    throw new LSError("LS_INVALID_OPTION", `${path} holds no certificate in PEM`, { details: { option: "ca", path } });
  return text;
}
