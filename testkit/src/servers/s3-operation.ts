import type { IncomingMessage } from "node:http";

/** What a request to an S3 server is. */
export type S3Operation =
  | "list"
  | "list-uploads"
  | "get"
  | "head"
  | "put"
  | "part"
  | "create-multipart"
  | "complete-multipart"
  | "abort-multipart"
  | "delete"
  | "delete-many"
  | "other";

/** One request as a proxy sees it. */
export interface S3Request {
  readonly operation: S3Operation;
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly headers: IncomingMessage["headers"];
}

export function s3RequestOf(message: IncomingMessage): S3Request {
  const { method = "GET", url = "/", headers } = message;
  // A client that takes us for its forward proxy sends the whole URL.
  const target = url.replace(/^https?:\/\/[^/]+/i, "");
  return { operation: operationOf(method, new URL(target, "http://h").searchParams), method, target, headers };
}

/** By method and the parameters that make sub-resources of them (S3 API reference). */
function operationOf(method: string, query: URLSearchParams): S3Operation {
  switch (method) {
    case "GET":
      if (query.has("list-type")) return "list";
      if (query.has("uploads")) return "list-uploads";
      return query.has("uploadId") || query.has("location") ? "other" : "get";
    case "HEAD":
      return "head";
    case "PUT":
      return query.has("partNumber") ? "part" : "put";
    case "POST":
      if (query.has("delete")) return "delete-many";
      if (query.has("uploads")) return "create-multipart";
      return query.has("uploadId") ? "complete-multipart" : "other";
    case "DELETE":
      return query.has("uploadId") ? "abort-multipart" : "delete";
    default:
      return "other";
  }
}
