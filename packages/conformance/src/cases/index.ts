import type { ConformanceCase } from "../case.js";
import { ABORT_CASES } from "./abort.js";
import { ATOMIC_CASES } from "./atomic.js";
import { CLOSE_CASES } from "./close.js";
import { CONCURRENT_CASES } from "./concurrent.js";
import { CONTRACT_CASES } from "./contract.js";
import { CREATE_ONLY_CASES } from "./create-only.js";
import { DELETE_CASES } from "./delete.js";
import { ERROR_CASES } from "./errors.js";
import { LIST_CASES } from "./list.js";
import { OPEN_CASES } from "./open.js";
import { PLACE_CASES } from "./place.js";
import { TIME_CASES } from "./time.js";
import { WRITE_CASES } from "./write.js";

/** Every case of the suite. */
export const CONFORMANCE_CASES: readonly ConformanceCase[] = [
  ...CONTRACT_CASES,
  ...WRITE_CASES,
  ...ATOMIC_CASES,
  ...CREATE_ONLY_CASES,
  ...OPEN_CASES,
  ...LIST_CASES,
  ...TIME_CASES,
  ...DELETE_CASES,
  ...PLACE_CASES,
  ...ABORT_CASES,
  ...CLOSE_CASES,
  ...CONCURRENT_CASES,
  ...ERROR_CASES,
];
