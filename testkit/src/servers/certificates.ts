import { writeFileSync } from "node:fs";

/** A certificate authority made for one test, and a server certificate that it signed. */
export interface ThrowawayCertificates {
  /** PEM of the authority: what a client has to trust. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** For 127.0.0.1, localhost and the further host names; valid for a day. Two authorities that are trusted at a time need two names. */
export async function throwawayCertificates(hosts: readonly string[] = [], name = "throw-away authority of a test"): Promise<ThrowawayCertificates> {
  // Every test that uses anything of this package would wait for it.
  const { generate } = await import("selfsigned");
  const common = { keyType: "ec", algorithm: "sha256", notAfterDate: new Date(Date.now() + 86_400_000) } as const;
  const authority = await generate([{ name: "commonName", value: name }], {
    ...common,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: "commonName", value: "localhost" }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "keyUsage", digitalSignature: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [{ type: 7, ip: "127.0.0.1" }, ...["localhost", ...hosts].map((value) => ({ type: 2, value }) as const)],
      },
    ],
  });
  return { ca: authority.cert, certificate: server.cert, key: server.private };
}

/** Writes one PEM text to a file that only its owner can read, and returns the path. */
export function pemFile(path: string, pem: string): string {
  writeFileSync(path, pem, { mode: 0o600 });
  return path;
}
