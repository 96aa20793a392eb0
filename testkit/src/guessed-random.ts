import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/** Does something while `randomBytes` gives these bytes and no others: what somebody can do who guesses names. Nothing else may run beside it. */
export async function withGuessedRandom<T>(guessed: Buffer, step: () => Promise<T>): Promise<T> {
  const { randomBytes } = crypto;
  // `as`: only this form of its overloads is called.
  crypto.randomBytes = (() => guessed) as unknown as typeof randomBytes;
  syncBuiltinESMExports();
  try {
    return await step();
  } finally {
    crypto.randomBytes = randomBytes;
    syncBuiltinESMExports();
  }
}
