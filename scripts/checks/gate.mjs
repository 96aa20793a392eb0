/**
 * What a check found.
 * @typedef {object} GateResult
 * @property {number} passed
 * @property {readonly string[]} failures one text per failed check
 * @property {readonly string[]} [skipped] one text per check that this machine cannot run, with the command that would provide what it lacks
 *
 * @typedef {object} Gate
 * @property {string} name
 * @property {() => Promise<GateResult>} run
 * @property {boolean} [needsBuild] reads what the build has written
 */

/**
 * One check that either holds or has something to say.
 * @param {boolean} holds
 * @param {string} otherwise
 * @returns {GateResult}
 */
export function single(holds, otherwise) {
  return holds ? { passed: 1, failures: [] } : { passed: 0, failures: [otherwise] };
}

/**
 * @param {readonly GateResult[]} results
 * @returns {GateResult}
 */
export function sum(results) {
  return {
    passed: results.reduce((total, one) => total + one.passed, 0),
    failures: results.flatMap((one) => one.failures),
    skipped: results.flatMap((one) => one.skipped ?? []),
  };
}
