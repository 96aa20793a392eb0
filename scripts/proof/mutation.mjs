import { createHash } from "node:crypto";

/**
 * A deliberate defect: one guarding line is changed, and a test named by the entry must fail.
 * @typedef {object} Mutation
 * @property {readonly string[]} ids entries of the catalogue that the line guards
 * @property {string} file from the root
 * @property {string} find text that occurs exactly once in the file
 * @property {string} replace
 * @property {string} test test file, from the root, with tests whose titles begin with the ids in brackets
 * @property {boolean} built the test runs built programs, so the package of `file` is built anew with the defect
 */

/**
 * @param {string} ids separated by spaces
 * @param {string} file from `packages/` on
 * @param {string} find
 * @param {string} replace
 * @param {string} test from `packages/` on, or from the root for interop and testkit
 * @param {{ built?: boolean }} [options]
 * @returns {Mutation}
 */
export function mutation(ids, file, find, replace, test, { built = false } = {}) {
  return { ids: ids.split(" "), file: `packages/${file}`, find, replace, test: /^(interop|testkit)\//.test(test) ? test : `packages/${test}`, built };
}

/**
 * Tells whether a record is about this very defect.
 * @param {Mutation} one
 */
export function digestOf({ ids, file, find, replace, test }) {
  return createHash("sha256")
    .update(JSON.stringify([ids, file, find, replace, test]))
    .digest("hex")
    .slice(0, 16);
}
