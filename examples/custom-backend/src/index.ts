import { registerBackend } from "@ls/core/backend-kit";
import { RedisReplicaClient } from "./client.js";

registerBackend({ name: "redis", schemes: ["redis", "rediss"], createClient: (url) => new RedisReplicaClient(url) });

export { RedisReplicaClient } from "./client.js";
