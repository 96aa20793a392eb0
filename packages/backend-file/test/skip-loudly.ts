/** What a machine lacks is said aloud; where everything has to be there, it is a failure. */
export function skipLoudly(reason: string): void {
  const isRequired = process.env.LS_REQUIRE_PEERS === "1" || (process.env.CI !== undefined && process.env.CI !== "" && process.env.CI !== "false");
  if (isRequired) throw new Error(`${reason}, and nothing may be skipped here`);
  process.stderr.write(`\n*** SKIPPED: ${reason}\n\n`);
}
