const told = new Set<string>();

/** Whether a missing part is a failure: under CI, or when `LS_REQUIRE_PEERS=1`. */
export function peersAreRequired(env: NodeJS.ProcessEnv = process.env): boolean {
  return env.LS_REQUIRE_PEERS === "1" || (env.CI !== undefined && env.CI !== "" && env.CI !== "false");
}

/**
 * Says what this machine lacks and how to get it, once per reason, and answers `true` so that a suite can be skipped with it.
 * @throws Error where skipping is not allowed ({@link peersAreRequired}).
 */
export function skipLoudly(what: string, command: string): true {
  const message = `${what} is missing; get it with: ${command}`;
  if (peersAreRequired()) throw new Error(`${message} (CI or LS_REQUIRE_PEERS=1 forbids skipping)`);
  if (!told.has(message)) {
    told.add(message);
    process.stderr.write(`\n*** SKIPPED: ${message}\n\n`);
  }
  return true;
}
