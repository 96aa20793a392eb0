import { parseArgs } from "node:util";

/** What a benchmark's command line may set; every flag is a whole number or a switch. */
export interface Flags<N extends string, S extends string> {
  readonly numbers: Readonly<Record<N, number>>;
  readonly switches: Readonly<Record<S, boolean>>;
}

/**
 * Reads `--name 5` and `--switch`. Besides the given ones every benchmark has `--quick` (smallest sizes, nothing is
 * recorded) and `--no-record`.
 * @param defaults values of the numbers: the normal one and the one of `--quick`.
 */
export function readFlags<N extends string, S extends string>(
  args: readonly string[],
  defaults: Readonly<Record<N, { readonly normal: number; readonly quick: number; readonly min: number }>>,
  switches: readonly S[],
): Flags<N, S | "quick" | "no-record"> & { readonly record: boolean } {
  const names = Object.keys(defaults) as N[]; // `as`: the keys of a Record<N, …>.
  const allSwitches: (S | "quick" | "no-record")[] = [...switches, "quick", "no-record"];
  const { values } = parseArgs({
    // pnpm passes on the `--` of `pnpm run x -- --quick`.
    args: args.filter((arg) => arg !== "--"),
    options: {
      ...Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
      ...Object.fromEntries(allSwitches.map((name) => [name, { type: "boolean" as const }])),
    },
  });
  const given: Readonly<Record<string, unknown>> = values;
  const quick = given.quick === true;
  const number = (name: N): number => {
    const { normal, quick: small, min } = defaults[name];
    const text = given[name];
    if (text === undefined) return quick ? small : normal;
    const value = Number(text);
    if (!Number.isInteger(value) || value < min) throw new RangeError(`--${name} must be a whole number from ${min}, not ${String(text)}`);
    return value;
  };
  return {
    // `as`: one entry per name and per switch.
    numbers: Object.fromEntries(names.map((name) => [name, number(name)])) as Record<N, number>,
    switches: Object.fromEntries(allSwitches.map((name) => [name, given[name] === true])) as Record<S | "quick" | "no-record", boolean>,
    record: !quick && given["no-record"] !== true,
  };
}
