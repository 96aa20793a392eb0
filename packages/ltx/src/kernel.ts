import type { Kernel } from "./arena.js";
import { JSKernel } from "./js-kernel.js";
import { KERNEL_BASE64 } from "./kernel.generated.js";
import { type WebAssemblyModule, webAssembly } from "./webassembly.js";

/** What kernel/kernel.as.ts exports. */
interface KernelExports extends Omit<Kernel, "memory"> {
  readonly memory: { readonly buffer: ArrayBuffer };
}

/** undefined: not tried yet; null: this runtime cannot. */
let compiled: WebAssemblyModule | null | undefined;
let forceJS = false;
/** Counts the changes of choice. */
let generation = 0;

/**
 * Gives the compiled kernel, a `WebAssembly.Module`, for runtimes that forbid compiling at run time, such as Cloudflare
 * Workers: import `@ls/ltx/kernel.wasm` there as a module and pass it on. Elsewhere not needed: the kernel is compiled at first use (1–2 ms).
 */
export function setKernelModule(module: WebAssemblyModule): void {
  compiled = module;
  generation++;
}

/** Which implementation new encoders and decoders use. `js` where WebAssembly is not available; the bytes are the same. */
export function codecKind(): "wasm" | "js" {
  return forceJS || kernelModule() === null ? "js" : "wasm";
}

/** Makes new encoders and decoders use JavaScript (true), or WebAssembly where it is available (false, the default). For tests and measurements. */
export function forceJSCodec(force: boolean): void {
  forceJS = force;
  generation++;
}

/** Changes when new kernels may be of another kind than the ones before. */
export function kernelGeneration(): number {
  return generation;
}

/** A kernel with memory of its own. */
export function createKernel(): Kernel {
  const module = forceJS ? null : kernelModule();
  return (module === null ? undefined : instantiate(module)) ?? new JSKernel();
}

function kernelModule(): WebAssemblyModule | null {
  compiled ??= compile();
  return compiled;
}

function compile(): WebAssemblyModule | null {
  // The kernel's memory is little-endian, the views over it have the byte order of the host.
  const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  const api = webAssembly();
  if (!littleEndian || api === undefined) return null;
  try {
    return new api.Module(Uint8Array.from(atob(KERNEL_BASE64), (character) => character.charCodeAt(0)));
  } catch {
    return null; // code generation is forbidden here: the JavaScript twin does the same
  }
}

/** undefined when there is no address space left for another memory. */
function instantiate(module: WebAssemblyModule): Kernel | undefined {
  const api = webAssembly();
  if (api === undefined) return undefined;
  try {
    // The module is generated from the source that these types describe; setKernelModule documents which one to pass.
    const exports = new api.Instance(module).exports as KernelExports;
    return {
      memory: exports.memory.buffer,
      encodePages: exports.encodePages,
      decodeFrames: exports.decodeFrames,
      mergeFrames: exports.mergeFrames,
      hashPages: exports.hashPages,
    };
  } catch {
    return undefined;
  }
}
