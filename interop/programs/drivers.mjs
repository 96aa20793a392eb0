/**
 * The drivers that the programs of the driver tests can be told to use, each behind the same few calls.
 */

/** Opens a database as an application with this driver would; `timeoutMs` undefined = the driver's own default. */
export async function loadDriver(/** @type {string} */ name) {
  if (name === "node:sqlite") {
    const { DatabaseSync } = await import("node:sqlite");
    return {
      constructor: DatabaseSync,
      open(path, timeoutMs) {
        const db = new DatabaseSync(path, timeoutMs === undefined ? {} : { timeout: timeoutMs });
        return { exec: (sql) => db.exec(sql), get: (sql) => db.prepare(sql).get(), serialize: () => db.serialize(), close: () => db.close() };
      },
      isBusy: (error) => error.code === "ERR_SQLITE_ERROR" && (error.errcode & 0xff) === 5,
    };
  }
  const { default: Database } = await import(name);
  return {
    constructor: Database,
    open(path, timeoutMs) {
      const db = new Database(path, timeoutMs === undefined ? {} : { timeout: timeoutMs });
      return { exec: (sql) => db.exec(sql), get: (sql) => db.prepare(sql).get(), serialize: () => db.serialize(), close: () => db.close() };
    },
    isBusy: (error) => String(error.code).startsWith("SQLITE_BUSY"),
  };
}
