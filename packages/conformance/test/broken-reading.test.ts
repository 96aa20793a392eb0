import { describe } from "vitest";
import { judge } from "./broken/judge.js";
import { LISTING_DEFECTS } from "./broken/listing.js";
import { READING_DEFECTS } from "./broken/reading.js";

describe("[I0] a client that lists or reads wrongly fails exactly the cases that stand on the broken duty", () => {
  judge([...LISTING_DEFECTS, ...READING_DEFECTS]);
});
