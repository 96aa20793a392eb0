import { serverOrSkip } from "../peers.js";
import { ACCESS_KEY_ID, BUCKET, type S3Server, type S3ServerOptions, SECRET_ACCESS_KEY, s3Server } from "./s3-server.js";
import { ServerProcess } from "./server-process.js";

/** SeaweedFS' `weed` binary, or `undefined` after a loud skip (an error under CI). */
export function weedOrSkip(): string | undefined {
  return serverOrSkip("weed");
}

/** `weed mini`: checks signatures, honours conditions. One to three seconds; all its ports are chosen, so several can run side by side. */
export async function startWeed(binary: string, options: Pick<S3ServerOptions, "bucket"> = {}): Promise<S3Server> {
  const bucket = options.bucket ?? BUCKET;
  const server = await ServerProcess.start({
    name: "weed",
    ports: 10,
    readyText: "All enabled components are running",
    command(ports, directory) {
      const [s3 = 0, s3Grpc, master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, admin, adminGrpc] = ports;
      const args = [
        "mini",
        `-dir=${directory.path}`,
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        `-s3.port=${s3}`,
        `-s3.port.grpc=${s3Grpc}`,
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        `-master.port=${master}`,
        `-master.port.grpc=${masterGrpc}`,
        `-volume.port=${volume}`,
        `-volume.port.grpc=${volumeGrpc}`,
        `-filer.port=${filer}`,
        `-filer.port.grpc=${filerGrpc}`,
        `-admin.port=${admin}`,
        `-admin.port.grpc=${adminGrpc}`,
        "-webdav=false",
        "-admin.ui=false",
        `-bucket=${bucket}`,
      ];
      return { binary, args, port: s3, env: { AWS_ACCESS_KEY_ID: ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY } };
    },
  });
  return s3Server("weed", server, bucket, "http", undefined);
}
