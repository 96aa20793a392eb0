import { A } from "./mutations/a.mjs";
import { B } from "./mutations/b.mjs";
import { C } from "./mutations/c.mjs";
import { D } from "./mutations/d.mjs";
import { E } from "./mutations/e.mjs";
import { F } from "./mutations/f.mjs";
import { H } from "./mutations/h.mjs";
import { K } from "./mutations/k.mjs";
import { L } from "./mutations/l.mjs";
import { M } from "./mutations/m.mjs";
import { P } from "./mutations/p.mjs";
import { Q } from "./mutations/q.mjs";

/**
 * Every deliberate defect.
 * @type {readonly import("./mutation.mjs").Mutation[]}
 */
export const MUTATIONS = [...A, ...B, ...C, ...D, ...E, ...F, ...H, ...K, ...L, ...M, ...P, ...Q];
