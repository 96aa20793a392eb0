import { registerBackend } from "@ls/core/backend-kit";
import { S3ReplicaClient } from "./client.js";
import { optionsFromURL } from "./url.js";

registerBackend({ name: "s3", schemes: ["s3"], createClient: (url) => new S3ReplicaClient(optionsFromURL(url)) });

export { type S3Credentials, type S3Options, S3ReplicaClient } from "./client.js";
