import { createHash } from "node:crypto";
import type { Random } from "@ls/testkit";
import type Database from "better-sqlite3";
import { proseCorpus } from "./corpus.js";

const SCHEMA = `
  CREATE TABLE customer(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT, password_hash TEXT, joined TEXT, last_seen INTEGER, balance REAL, settings TEXT);
  CREATE TABLE article(id INTEGER PRIMARY KEY, author INTEGER, title TEXT, body TEXT, created INTEGER, score INTEGER, tags TEXT);
  CREATE INDEX article_by_author ON article(author, created);
  CREATE TABLE event(id INTEGER PRIMARY KEY, customer INTEGER, kind TEXT, at INTEGER, address TEXT, payload TEXT);
  CREATE INDEX event_by_time ON event(at);
  CREATE INDEX event_by_customer ON event(customer, kind);
  CREATE TABLE session(token TEXT PRIMARY KEY, customer INTEGER, expires INTEGER) WITHOUT ROWID;
  CREATE TABLE reading(series INTEGER, at INTEGER, value REAL, PRIMARY KEY(series, at)) WITHOUT ROWID;
  CREATE TABLE attachment(id INTEGER PRIMARY KEY, name TEXT, type TEXT, digest TEXT, data BLOB);
  CREATE TABLE invoice(number TEXT PRIMARY KEY, customer INTEGER, status TEXT, cents INTEGER, currency TEXT, lines TEXT, issued TEXT);
`;
const DOMAINS = ["gmail.com", "outlook.com", "example.org", "yahoo.com", "proton.me", "icloud.com"];
const KINDS = ["page_view", "click", "login", "logout", "purchase", "add_to_cart", "search", "error"];
const AGENTS = ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", "curl/8.4.0"];
const EPOCH_MS = Date.UTC(2024, 0, 1);

/**
 * What a web application keeps: people, prose, JSON events, tokens, measurements, pictures, invoices, and their indexes.
 * Rows are also changed and deleted, so that pages have free space and stale bytes as in a database that has lived.
 */
export class MixedContent {
  readonly #db: Database.Database;
  readonly #random: Random;
  readonly #prose: string;
  readonly #words: readonly string[];
  readonly #insert: Readonly<Record<"customer" | "article" | "event" | "session" | "reading" | "attachment" | "invoice", Database.Statement>>;
  #customers = 0;
  #articles = 0;
  #events = 0;
  #readings = 0;
  #batches = 0;
  #clockMs = EPOCH_MS;

  constructor(db: Database.Database, random: Random) {
    this.#db = db;
    this.#random = random;
    this.#prose = proseCorpus();
    this.#words = [...new Set(this.#prose.split(/[^A-Za-z]+/).filter((word) => word.length > 2 && word.length < 14))];
    db.exec(SCHEMA);
    this.#insert = {
      customer: db.prepare("INSERT INTO customer VALUES (?,?,?,?,?,?,?,?)"),
      article: db.prepare("INSERT INTO article VALUES (?,?,?,?,?,?,?)"),
      event: db.prepare("INSERT INTO event VALUES (?,?,?,?,?,?)"),
      session: db.prepare("INSERT INTO session VALUES (?,?,?)"),
      reading: db.prepare("INSERT INTO reading VALUES (?,?,?)"),
      attachment: db.prepare("INSERT INTO attachment(name, type, digest, data) VALUES (?,?,?,?)"),
      invoice: db.prepare("INSERT INTO invoice VALUES (?,?,?,?,?,?,?)"),
    };
  }

  /** About 0.7 MB of rows. Call it inside a transaction. */
  addBatch(): void {
    for (let i = 0; i < 150; i++) this.#addCustomer();
    for (let i = 0; i < 120; i++) this.#addArticle();
    for (let i = 0; i < 1600; i++) this.#addEvent();
    for (let i = 0; i < 300; i++) this.#insert.session.run(this.#token(), this.#anyCustomer(), this.#clockMs + 86_400_000);
    this.#addReadings(40, 25);
    for (let i = 0; i < 3; i++) this.#addAttachment();
    for (let i = 0; i < 200; i++) this.#addInvoice();
    if (++this.#batches % 3 === 0) this.#age();
  }

  #addCustomer(): void {
    const random = this.#random;
    const id = ++this.#customers;
    const [first, last] = [this.#word(), this.#word()];
    const settings = {
      theme: random.pick(["dark", "light"]),
      locale: random.pick(["en-US", "de-DE", "fr-FR"]),
      notify: { email: random.chance(0.5), push: random.chance(0.5) },
      tz: "Europe/Berlin",
    };
    const hash = createHash("sha256").update(String(id)).digest("base64url");
    this.#insert.customer.run(
      id,
      `${first}.${last}${id}@${random.pick(DOMAINS)}`.toLowerCase(),
      `${first} ${last}`,
      `$2b$12$${hash}`,
      new Date(EPOCH_MS + id * 97_000).toISOString(),
      this.#clockMs,
      random.int(0, 100_000) / 100,
      JSON.stringify(settings),
    );
  }

  #addArticle(): void {
    const random = this.#random;
    const tags = [this.#word(), this.#word(), this.#word()].join(",");
    const length = Math.min(12_000, Math.floor(this.#logNormal(6.6, 0.9)));
    this.#insert.article.run(
      ++this.#articles,
      this.#anyCustomer(),
      this.#excerpt(random.int(20, 70)),
      this.#excerpt(length),
      this.#clockMs,
      random.int(-5, 500),
      tags,
    );
  }

  #addEvent(): void {
    const random = this.#random;
    this.#clockMs += random.int(1, 900);
    const kind = random.pick(KINDS);
    const path = Array.from({ length: random.int(1, 4) }, () => `/${this.#word()}`).join("");
    const payload =
      kind === "login"
        ? { ok: true }
        : { path, ref: random.pick(["https://www.google.com/", "https://t.co/", ""]), ms: random.int(1, 3000), ua: random.pick(AGENTS) };
    const address = Array.from({ length: 4 }, () => random.int(1, 254)).join(".");
    // Squared: a few customers cause most events.
    const customer = Math.floor(this.#customers * random.float() ** 2) + 1;
    this.#insert.event.run(++this.#events, customer, kind, this.#clockMs, address, JSON.stringify(payload));
  }

  #addReadings(series: number, each: number): void {
    for (let s = 0; s < series; s++) {
      for (let i = 0; i < each; i++) this.#insert.reading.run(s, this.#readings + i * 10, 50 + s + 3 * this.#gauss());
    }
    this.#readings += each * 10;
  }

  #addAttachment(): void {
    const data = this.#random.bytes(Math.min(200_000, Math.floor(this.#logNormal(9.6, 0.7))));
    this.#insert.attachment.run(`${this.#word()}.jpg`, "image/jpeg", createHash("sha256").update(data).digest("hex"), data);
  }

  #addInvoice(): void {
    const random = this.#random;
    const lines = Array.from({ length: random.int(1, 6) }, () => ({
      sku: `SKU-${random.int(1000, 9999)}`,
      qty: random.int(1, 5),
      price: random.int(99, 9999),
    }));
    const issued = new Date(EPOCH_MS + random.int(0, 10_000_000) * 1000).toISOString();
    const status = random.pick(["pending", "paid", "shipped", "cancelled"]);
    this.#insert.invoice.run(this.#uuid(), this.#anyCustomer(), status, random.int(100, 100_000), random.pick(["USD", "EUR"]), JSON.stringify(lines), issued);
  }

  #age(): void {
    this.#db.prepare("DELETE FROM event WHERE id > ? AND id % 7 = 0").run(this.#events - 3600);
    this.#db.prepare("DELETE FROM session WHERE expires < ? AND substr(token, 1, 1) IN ('a', '3')").run(this.#clockMs + 86_400_000);
    this.#db.prepare("UPDATE article SET body = substr(body, 1, length(body) / 2), score = score + 1 WHERE id > ? AND id % 11 = 0").run(this.#articles - 2000);
    this.#db.prepare("UPDATE invoice SET status = 'refunded' WHERE rowid > (SELECT max(rowid) - 600 FROM invoice) AND rowid % 17 = 0").run();
  }

  #anyCustomer(): number {
    return this.#random.int(1, this.#customers);
  }

  #word(): string {
    return this.#random.pick(this.#words);
  }

  #excerpt(length: number): string {
    const at = this.#random.int(0, this.#prose.length - length - 1);
    return this.#prose.slice(at, at + length);
  }

  #token(): string {
    return this.#random.chance(0.5) ? Buffer.from(this.#random.bytes(24)).toString("hex") : this.#uuid();
  }

  #uuid(): string {
    const hex = Buffer.from(this.#random.bytes(16)).toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  #gauss(): number {
    // Box–Muller; 1 - float() is never 0.
    return Math.sqrt(-2 * Math.log(1 - this.#random.float())) * Math.cos(2 * Math.PI * this.#random.float());
  }

  #logNormal(mu: number, sigma: number): number {
    return Math.exp(mu + sigma * this.#gauss());
  }
}
