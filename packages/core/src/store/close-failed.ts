import { isLSError, LSError } from "../errors.js";

/** One error for what several databases failed to close with: it names those that are not at their destination, and from which TXID on. */
export function closeFailed(failures: readonly unknown[]): Error {
  const databases = failures.flatMap((failure) => (isLSError(failure, "LS_NOT_DURABLE") ? [failure.details] : []));
  const cause = failures.length === 1 ? failures[0] : new AggregateError(failures);
  if (databases.length === 0) return failures[0] instanceof Error ? failures[0] : new LSError("LS_INTERNAL", "closing failed", { cause });
  const names = databases.map(
    ({ path, firstMissingTXID }) => `${String(path)}${firstMissingTXID === undefined ? "" : ` from TXID ${String(firstMissingTXID)} on`}`,
  );
  return new LSError("LS_NOT_DURABLE", `closed before everything was at its destination: ${names.join(", ")}`, { cause, details: { databases } });
}
