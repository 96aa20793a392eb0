/** Bytes that hold anything: for who fills them before anybody reads them. Their memory is their own, so that they can go to another thread. */
export function uninitialized(size: number): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(size);
  return new Uint8Array(buffer, byteOffset, size);
}
