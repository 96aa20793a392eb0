/** What is used of a statement of node:sqlite. */
export interface NodeSQLiteStatement {
  get(...values: unknown[]): unknown;
  run(...values: unknown[]): unknown;
  setReadBigInts(enabled: boolean): unknown;
}

/** What is used of a database of node:sqlite. Structural: the types of Node 20 do not know the module. */
export interface NodeSQLiteDatabase {
  prepare(sql: string): NodeSQLiteStatement;
  exec(sql: string): unknown;
  close(): unknown;
}

/** The class `DatabaseSync` of node:sqlite. */
export type NodeSQLiteConstructor = new (path: string, options?: { readonly readOnly?: boolean; readonly timeout?: number }) => NodeSQLiteDatabase;

/** Whether a value is (as far as can be seen) the class `DatabaseSync` of node:sqlite. */
export function isNodeSQLite(value: unknown): value is NodeSQLiteConstructor {
  if (typeof value !== "function") return false;
  const prototype: unknown = value.prototype;
  if (typeof prototype !== "object" || prototype === null) return false;
  return ["prepare", "exec", "close", "createSession", "applyChangeset"].every((name) => name in prototype);
}
