/**
 * What is in the WAL or beside it does not follow from what was captured so far. Nothing is wrong with the database:
 * the differences have to be found by comparing pages.
 */
export class Doubt extends Error {
  override readonly name = "Doubt";
}
