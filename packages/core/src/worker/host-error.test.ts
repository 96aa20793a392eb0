import { isLTXError, LTXError } from "@ls/ltx";
import { expect, it } from "vitest";
import { isLSError, LSError } from "../errors.js";
import { fromPlainError, toPlainError } from "./host-error.js";

/** As a message between threads does it. */
const across = (error: unknown): Error => fromPlainError(structuredClone(toPlainError(error)));

it("[M2] an error keeps its code, details, retryability and causes on its way between threads", () => {
  const cause = new LTXError("LTX_TRUNCATED", "the file ends early", { cause: new TypeError("below") });
  const error = across(new LSError("LS_LTX_CORRUPTED", "no use", { retryable: true, details: { path: "/a.db", txid: 7n }, cause }));
  expect(isLSError(error, "LS_LTX_CORRUPTED") && [error.message, error.retryable, error.details]).toEqual(["no use", true, { path: "/a.db", txid: 7n }]);
  expect(isLTXError(error.cause, "LTX_TRUNCATED")).toBe(true);
  expect(error.cause).toMatchObject({ message: "the file ends early", cause: { name: "TypeError", message: "below" } });
  expect(across("thrown as it is")).toMatchObject({ name: "Error", message: "thrown as it is" });
});
