/**
 * Nothing when everything was deleted.
 * @param failures why files are still there: one LSError each.
 * @param total files that were to be deleted.
 * @throws AggregateError with the failures, as `deleteLTXFiles` has to tell them.
 */
export function throwUndeleted(failures: readonly unknown[], total: number): void {
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of ${total} files could not be deleted`);
}
