/**
 * Marks the instances of a class, so that another copy of this module knows them: two copies may be loaded, and `instanceof` tells them apart.
 * @param contract what may be done through the mark; its name changes when that does.
 */
export class Brand<Contract extends object> {
  readonly #key: symbol;

  constructor(contract: string) {
    this.#key = Symbol.for(contract);
  }

  /** @param of gives the contract for one instance. */
  mark<T extends object>(prototype: T, of: (instance: T) => Contract): void {
    Object.defineProperty(prototype, this.#key, {
      get(this: T) {
        return of(this);
      },
    });
  }

  /** The contract of a marked instance, of whichever copy; undefined for anything else. */
  read(value: unknown): Contract | undefined {
    if (typeof value !== "object" || value === null) return undefined;
    // `as`: only `mark` defines the key, with a contract of this name.
    return (value as { readonly [key: symbol]: Contract | undefined })[this.#key];
  }
}
