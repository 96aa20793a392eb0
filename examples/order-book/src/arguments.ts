export const USAGE = `usage:
  npm start                              an order book is written, replicated, killed and restored
  npm start -- --seconds <1-600>         … for so long (default 8)
  npm start -- <database> <replica URL>  replicates your own database until Ctrl-C, e.g. npm start -- app.db file:///backups/app`;

export type Command =
  | { readonly kind: "demo"; readonly seconds: number }
  | { readonly kind: "replicate"; readonly database: string; readonly url: string }
  | { readonly kind: "help" }
  | { readonly kind: "invalid"; readonly reason: string };

/** What the words on the command line ask for. */
export function parseArguments(words: readonly string[]): Command {
  const [first, second, ...rest] = words;
  if (first === undefined) return { kind: "demo", seconds: 8 };
  if (first === "--help" || first === "-h") return { kind: "help" };
  if (first === "--seconds") {
    const seconds = Number(second);
    if (second === undefined || rest.length > 0 || !(seconds >= 1 && seconds <= 600))
      return { kind: "invalid", reason: "--seconds takes a number from 1 to 600" };
    return { kind: "demo", seconds };
  }
  if (first.startsWith("-")) return { kind: "invalid", reason: `unknown option ${first}` };
  if (second === undefined) return { kind: "invalid", reason: "a replica URL is missing after the database" };
  if (rest.length > 0) return { kind: "invalid", reason: `unexpected: ${rest.join(" ")}` };
  return { kind: "replicate", database: first, url: second };
}
