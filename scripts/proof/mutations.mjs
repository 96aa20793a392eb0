import { A } from "./mutations/a.mjs";
import { B } from "./mutations/b.mjs";
import { C } from "./mutations/c.mjs";
import { D } from "./mutations/d.mjs";
import { E } from "./mutations/e.mjs";
import { F } from "./mutations/f.mjs";
import { H } from "./mutations/h.mjs";
import { I } from "./mutations/i.mjs";
import { J } from "./mutations/j.mjs";
import { K } from "./mutations/k.mjs";
import { L } from "./mutations/l.mjs";
import { M } from "./mutations/m.mjs";
import { N } from "./mutations/n.mjs";
import { O } from "./mutations/o.mjs";
import { P } from "./mutations/p.mjs";
import { Q } from "./mutations/q.mjs";

/**
 * Every deliberate defect.
 * @type {readonly import("./mutation.mjs").Mutation[]}
 */
export const MUTATIONS = [...A, ...B, ...C, ...D, ...E, ...F, ...H, ...I, ...J, ...K, ...L, ...M, ...N, ...O, ...P, ...Q];
