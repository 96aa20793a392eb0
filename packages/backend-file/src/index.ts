import { registerBackend } from "@ls/core/backend-kit";
import { FileReplicaClient } from "./client.js";
import { optionsFromURL } from "./url.js";

registerBackend({ name: "file", schemes: ["file"], createClient: (url) => new FileReplicaClient(optionsFromURL(url)) });

export { FileReplicaClient, type FileReplicaClientOptions } from "./client.js";
