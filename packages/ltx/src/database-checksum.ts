import { CRC64, type CRCRegister, crcReset, crcUpdate, crcValue } from "./crc64.js";
import { CHECKSUM_FLAG } from "./format.js";

/**
 * The checksum of one page within the database checksum: CRC-64/ISO over the big-endian page number and the content,
 * with bit 63 set. A database checksum is the XOR of those of all its pages except the lock page, with bit 63 set
 * (superfly/ltx, checksum.go), so a page that changes replaces its part in it.
 */
export function pageChecksum(pgno: number, data: Uint8Array): bigint {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, pgno, false);
  return new CRC64().update(number).update(data).digest() | CHECKSUM_FLAG;
}

/** Database checksum of a stream of pages. */
export class DatabaseChecksum {
  readonly #register: CRCRegister = new Int32Array(2);
  readonly #number = new DataView(new ArrayBuffer(4));
  #low = 0;
  #high = 0;

  /** Adds the page at `offset` of `view`. */
  add(pgno: number, view: DataView, offset: number, pageSize: number): void {
    this.#number.setUint32(0, pgno, false);
    crcReset(this.#register);
    crcUpdate(this.#register, this.#number, 0, 4);
    crcUpdate(this.#register, view, offset, pageSize);
    this.#low ^= ~(this.#register[0] ?? 0);
    this.#high ^= ~(this.#register[1] ?? 0);
  }

  /** The checksum of the pages added; of an empty database it is bit 63 alone. */
  value(): bigint {
    return crcValue(new Int32Array([~this.#low, ~this.#high])) | CHECKSUM_FLAG;
  }
}
