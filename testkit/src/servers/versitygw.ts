import { mkdirSync } from "node:fs";
import { serverOrSkip } from "../peers.js";
import { pemFile } from "./certificates.js";
import { ACCESS_KEY_ID, BUCKET, REGION, type S3Server, type S3ServerOptions, SECRET_ACCESS_KEY, s3Server } from "./s3-server.js";
import { ServerProcess } from "./server-process.js";

/** The versitygw binary, or `undefined` after a loud skip (an error under CI). */
export function versitygwOrSkip(): string | undefined {
  return serverOrSkip("versitygw");
}

/** versitygw over a directory: checks signatures, honours conditions, keeps objects as plain files. About 0.2 s. */
export async function startVersitygw(binary: string, options: S3ServerOptions = {}): Promise<S3Server> {
  const bucket = options.bucket ?? BUCKET;
  const tls = options.certificates;
  const server = await ServerProcess.start({
    name: "versitygw",
    ports: 1,
    command([port = 0], directory) {
      // It changes its working directory, so every path is absolute. The sidecar makes it independent of extended attributes, which tmpfs may lack.
      mkdirSync(directory.file("data", bucket), { recursive: true });
      mkdirSync(directory.file("sidecar"));
      const args = ["--port", `127.0.0.1:${port}`, "--access", ACCESS_KEY_ID, "--secret", SECRET_ACCESS_KEY, "--region", REGION, "--quiet"];
      if (tls !== undefined) {
        args.push("--cert", pemFile(directory.file("cert.pem"), tls.certificate), "--key", pemFile(directory.file("key.pem"), tls.key));
      }
      if (options.virtualDomain !== undefined) args.push("--virtual-domain", options.virtualDomain);
      args.push("posix", "--sidecar", directory.file("sidecar"), directory.file("data"));
      return { binary, args, port };
    },
  });
  return s3Server("versitygw", server, bucket, tls === undefined ? "http" : "https", server.directory.file("data", bucket));
}
