import { A } from "./mutations/a.mjs";
import { B } from "./mutations/b.mjs";
import { C } from "./mutations/c.mjs";
import { D } from "./mutations/d.mjs";
import { E } from "./mutations/e.mjs";
import { F } from "./mutations/f.mjs";

/**
 * Every deliberate defect.
 * @type {readonly import("./mutation.mjs").Mutation[]}
 */
export const MUTATIONS = [...A, ...B, ...C, ...D, ...E, ...F];
