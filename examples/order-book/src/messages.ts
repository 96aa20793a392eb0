/** What the writer tells the process that started it; any message to the writer means: begin a transaction and stay in it. */
export type WriterMessage =
  | { readonly type: "ready" }
  /** A transaction is open and half written. `commits` were finished before. */
  | { readonly type: "mid-transaction"; readonly commits: number };
