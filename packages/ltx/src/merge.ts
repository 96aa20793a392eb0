import { LTXError } from "./error.js";
export interface LTXMergeOptions {
  readonly timestampMs?: number | undefined;
}
export async function* mergeLTX(_inputs: readonly AsyncIterable<Uint8Array>[], _options: LTXMergeOptions = {}): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  throw new LTXError("LTX_INVALID", "merge");
}
