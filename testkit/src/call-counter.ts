import { syncBuiltinESMExports } from "node:module";

/** Counts calls of functions of one of Node's modules, in this thread, while they go on doing what they do: for claims about how much work something is. */
export class CallCounter {
  readonly #module: Record<string, unknown>;
  readonly #originals = new Map<string, unknown>();
  readonly #counts = new Map<string, number>();

  /**
   * @param module a module's default export, such as that of `node:fs`.
   * @param names of functions in it.
   * @param before what happens before each call.
   */
  constructor(module: object, names: readonly string[], before: () => void = () => {}) {
    // `as`: modules are objects whose members can be replaced; their types do not say so.
    this.#module = module as Record<string, unknown>;
    for (const name of names) {
      const original = this.#module[name];
      if (typeof original !== "function") throw new TypeError(`${name} is not a function`);
      this.#originals.set(name, original);
      this.#module[name] = (...args: unknown[]) => {
        this.#counts.set(name, this.count(name) + 1);
        before();
        return Reflect.apply(original, module, args);
      };
    }
    syncBuiltinESMExports();
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  reset(): void {
    this.#counts.clear();
  }

  [Symbol.dispose](): void {
    for (const [name, original] of this.#originals) this.#module[name] = original;
    syncBuiltinESMExports();
  }
}
