export { type ThrowawayCertificates, throwawayCertificates } from "./certificates.js";
export { FaultProxy, type ProxyFault, type ProxyRule } from "./fault-proxy.js";
export { rcloneOrSkip, startRclone } from "./rclone.js";
export { type RedisServer, redisOrSkip, startRedis } from "./redis.js";
export type { S3Operation, S3Request } from "./s3-operation.js";
export type { S3Server, S3ServerOptions } from "./s3-server.js";
export { TCPGate } from "./tcp-gate.js";
export { startVersitygw, versitygwOrSkip } from "./versitygw.js";
export { startWeed, weedOrSkip } from "./weed.js";
