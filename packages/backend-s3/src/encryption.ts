import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { LSError } from "@ls/core/backend-kit";
import type { S3Options } from "./options.js";

/** Fields of the SDK's commands. */
export interface CustomerKeyInput {
  readonly SSECustomerAlgorithm?: "AES256";
  readonly SSECustomerKey?: string;
  readonly SSECustomerKeyMD5?: string;
}
export interface WriteEncryptionInput extends CustomerKeyInput {
  readonly ServerSideEncryption?: "aws:kms";
  readonly SSEKMSKeyId?: string;
}

type Settings = Pick<S3Options, "sseCustomerAlgorithm" | "sseCustomerKey" | "sseCustomerKeyMD5" | "sseCustomerKeyPath" | "sseKmsKeyId">;

/**
 * How objects are encrypted at the service. A key of one's own goes with every request that touches an object; KMS only with those that write.
 * What cannot be is refused at once: nobody may believe in an encryption that does not happen.
 */
export class Encryption {
  readonly #options: Settings;
  #customerKey: CustomerKeyInput = {};

  /** @throws LSError `LS_INVALID_OPTION`. */
  constructor(options: Settings, connection: { readonly isEncrypted: boolean; readonly isLocal: boolean }) {
    const { sseCustomerAlgorithm, sseCustomerKey, sseCustomerKeyMD5, sseCustomerKeyPath, sseKmsKeyId } = options;
    const hasKey = sseCustomerKey !== undefined || sseCustomerKeyPath !== undefined;
    if (sseCustomerKey !== undefined && sseCustomerKeyPath !== undefined)
      throw invalid("sseCustomerKeyPath", "sseCustomerKey and sseCustomerKeyPath exclude each other");
    if (hasKey && sseKmsKeyId !== undefined) throw invalid("sseKmsKeyId", "a customer key and a KMS key exclude each other");
    if (sseCustomerAlgorithm !== undefined && sseCustomerAlgorithm !== "AES256")
      throw invalid("sseCustomerAlgorithm", 'sseCustomerAlgorithm can only be "AES256"');
    if (!hasKey && (sseCustomerAlgorithm !== undefined || sseCustomerKeyMD5 !== undefined)) throw invalid("sseCustomerKey", "sseCustomerKey is missing");
    if (hasKey && !connection.isEncrypted && !connection.isLocal)
      throw invalid("sseCustomerKey", "a customer key is not sent over plain http, except to this machine or a private network");
    this.#options = options;
    if (sseCustomerKey !== undefined) this.#customerKey = checkedKey("sseCustomerKey", sseCustomerKey, sseCustomerKeyMD5);
  }

  /** Reads the key where it lies in a file. @throws LSError `LS_INVALID_OPTION`. */
  async load(): Promise<void> {
    const { sseCustomerKeyPath: path, sseCustomerKeyMD5 } = this.#options;
    if (path === undefined) return;
    const text = await readFile(path, "utf8").catch((cause: unknown) => {
      throw new LSError("LS_INVALID_OPTION", `sseCustomerKeyPath: ${path} cannot be read`, { cause, details: { option: "sseCustomerKeyPath" } });
    });
    this.#customerKey = checkedKey("sseCustomerKeyPath", text.trim(), sseCustomerKeyMD5);
  }

  /** For requests that read an object or add a part to it. */
  get forRead(): CustomerKeyInput {
    return this.#customerKey;
  }

  /** For requests that create an object. */
  get forWrite(): WriteEncryptionInput {
    const { sseKmsKeyId } = this.#options;
    return sseKmsKeyId === undefined ? this.#customerKey : { ServerSideEncryption: "aws:kms", SSEKMSKeyId: sseKmsKeyId };
  }
}

function checkedKey(option: string, base64: string, expectedMD5: string | undefined): CustomerKeyInput {
  const key = Buffer.from(base64, "base64");
  if (key.length !== 32 || key.toString("base64") !== base64) throw invalid(option, `${option} must hold 32 bytes in base64`);
  const md5 = createHash("md5").update(key).digest("base64");
  if (expectedMD5 !== undefined && expectedMD5 !== md5) throw invalid("sseCustomerKeyMD5", "sseCustomerKeyMD5 is not the MD5 of the key");
  return { SSECustomerAlgorithm: "AES256", SSECustomerKey: base64, SSECustomerKeyMD5: md5 };
}

function invalid(option: string, message: string): LSError {
  return new LSError("LS_INVALID_OPTION", message, { details: { option } });
}
