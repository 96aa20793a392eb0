/** Which commits had been acknowledged at which moment. */
export class Acknowledgements {
  readonly #moments: { readonly atMs: number; readonly commits: number }[] = [];

  add(commits: number, atMs: number): void {
    this.#moments.push({ atMs, commits });
  }

  /** All of them. */
  get commits(): number {
    return this.#moments.at(-1)?.commits ?? 0;
  }

  /** Those of a moment, in milliseconds since 1970. */
  at(atMs: number): number {
    return this.#moments.findLast((moment) => moment.atMs <= atMs)?.commits ?? 0;
  }
}
