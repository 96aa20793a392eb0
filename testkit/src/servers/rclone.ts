import { mkdirSync } from "node:fs";
import { serverOrSkip } from "../peers.js";
import { ACCESS_KEY_ID, BUCKET, type S3Server, type S3ServerOptions, SECRET_ACCESS_KEY, s3Server } from "./s3-server.js";
import { ServerProcess } from "./server-process.js";

/** The rclone binary, or `undefined` after a loud skip (an error under CI). */
export function rcloneOrSkip(): string | undefined {
  return serverOrSkip("rclone");
}

/**
 * `rclone serve s3`, the poor provider: ignores every condition, sends the whole object's checksum with a part of it, and
 * refuses bodies without a length.
 */
export async function startRclone(binary: string, options: Pick<S3ServerOptions, "bucket"> = {}): Promise<S3Server> {
  const bucket = options.bucket ?? BUCKET;
  const server = await ServerProcess.start({
    name: "rclone",
    ports: 1,
    command([port = 0], directory) {
      mkdirSync(directory.file("data", bucket), { recursive: true });
      const args = ["serve", "s3", "--config", directory.file("rclone.conf"), "--addr", `127.0.0.1:${port}`];
      args.push("--auth-key", `${ACCESS_KEY_ID},${SECRET_ACCESS_KEY}`, "--vfs-cache-mode", "off", directory.file("data"));
      return { binary, args, port };
    },
  });
  return s3Server("rclone", server, bucket, "http", server.directory.file("data", bucket));
}
