import { afterAll, describe } from "vitest";
import { BEHAVIOUR_DEFECTS, LEFT_BEHIND } from "./broken/behaving.js";
import { DELETING_DEFECTS } from "./broken/deleting.js";
import { judge } from "./broken/judge.js";
import { WRITING_DEFECTS } from "./broken/writing.js";

afterAll(() => LEFT_BEHIND.forEach(clearInterval));

describe("[I0] a client that writes, deletes or behaves wrongly fails exactly the cases that stand on the broken duty", () => {
  judge([...WRITING_DEFECTS, ...DELETING_DEFECTS, ...BEHAVIOUR_DEFECTS]);
});
