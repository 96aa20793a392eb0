/**
 * The parts of WebAssembly used here. TypeScript declares them in its DOM library alone, which Node programs, and so the
 * users of this package's declarations, do not load.
 */
export interface WebAssemblyAPI {
  readonly Module: new (bytes: Uint8Array) => WebAssemblyModule;
  readonly Instance: new (module: WebAssemblyModule) => { readonly exports: unknown };
}

/** A compiled `WebAssembly.Module`; opaque. */
export type WebAssemblyModule = object;

/** `undefined` in a runtime without WebAssembly. */
export function webAssembly(): WebAssemblyAPI | undefined {
  // `as`: the global has no declared type here, see above.
  return (globalThis as { WebAssembly?: WebAssemblyAPI }).WebAssembly;
}
