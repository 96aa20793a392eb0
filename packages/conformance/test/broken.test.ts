import { expect, test } from "vitest";
import { BEHAVIOUR_DEFECTS } from "./broken/behaving.js";
import { DELETING_DEFECTS } from "./broken/deleting.js";
import { LISTING_DEFECTS } from "./broken/listing.js";
import { READING_DEFECTS } from "./broken/reading.js";
import { WRITING_DEFECTS } from "./broken/writing.js";

test("every defect is described once, and there are more than thirty", () => {
  const defects = [...LISTING_DEFECTS, ...READING_DEFECTS, ...WRITING_DEFECTS, ...DELETING_DEFECTS, ...BEHAVIOUR_DEFECTS];
  expect(new Set(defects.map((one) => one.defect)).size).toBe(defects.length);
  expect(defects.length).toBeGreaterThan(30);
});
