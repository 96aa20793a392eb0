import { DECODE_BAD_BLOCK, DECODE_BAD_FLAGS, DECODE_BAD_SIZE } from "./arena.js";
import { LTXError } from "./error.js";

/** Throws what a kernel status stands for, if it is an error. `offset` is where the frame lies in the file. */
export function throwOnBadFrame(status: number, offset: number): void {
  if (status === DECODE_BAD_FLAGS) throw new LTXError("LTX_UNSUPPORTED", `unknown page flags in the frame at byte ${offset}`);
  if (status === DECODE_BAD_SIZE) throw new LTXError("LTX_CORRUPTED", `the frame at byte ${offset} claims more bytes than a page can take`);
  if (status === DECODE_BAD_BLOCK) throw new LTXError("LTX_CORRUPTED", `the frame at byte ${offset} does not hold one page`);
}
