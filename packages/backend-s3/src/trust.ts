import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { LSError } from "@ls/core/backend-kit";

/** The certificates to trust, or undefined for Node's own choice: those given are added to it, never put in its place. */
export async function trustedCertificates(pem: string | undefined, files: readonly string[]): Promise<string[] | undefined> {
  if (pem === undefined && files.length === 0) return undefined;
  const read = await Promise.all(files.map(readBundle));
  return [...rootCertificates, ...(pem === undefined ? [] : [pem]), ...read];
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
