import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/** Does something while `randomBytes` and `randomUUID` give these bytes and no others: what somebody can do who guesses names. Nothing else may run beside it. */
export async function withGuessedRandom<T>(guessed: Buffer, step: () => Promise<T>): Promise<T> {
  const { randomBytes, randomUUID } = crypto;
  const hex = guessed.toString("hex").repeat(2).slice(0, 32);
  // `as`: only this form of its overloads is called.
  crypto.randomBytes = (() => guessed) as unknown as typeof randomBytes;
  crypto.randomUUID = () => `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  syncBuiltinESMExports();
  try {
    return await step();
  } finally {
    crypto.randomBytes = randomBytes;
    crypto.randomUUID = randomUUID;
    syncBuiltinESMExports();
  }
}
