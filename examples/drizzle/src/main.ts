import { DB, fromURL, Replica } from "@ls/core";
import "@ls/backend-file";
import Database from "better-sqlite3";
import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

const account = sqliteTable("account", {
  id: integer().primaryKey(),
  owner: text().notNull(),
  cents: integer().notNull(),
});

await using db = new DB("bank.db", { replica: new Replica(fromURL(`file://${process.cwd()}/replica`)) });
await db.ensureExists();
await db.open();

const connection = new Database("bank.db");
connection.pragma("journal_mode = WAL");
const orm = drizzle({ client: connection });
orm.run(sql`CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, cents INTEGER NOT NULL)`);

orm.transaction((tx) => {
  tx.insert(account)
    .values([
      { id: 1, owner: "Ada", cents: 10_000 },
      { id: 2, owner: "Grace", cents: 0 },
    ])
    .onConflictDoNothing()
    .run();
  tx.update(account)
    .set({ cents: sql`${account.cents} - 2500` })
    .where(eq(account.id, 1))
    .run();
  tx.update(account)
    .set({ cents: sql`${account.cents} + 2500` })
    .where(eq(account.id, 2))
    .run();
});
await db.syncAndWait();
console.log(orm.select().from(account).all());
connection.close();
