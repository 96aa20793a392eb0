import type { Kernel } from "./arena.js";
import { JSKernel } from "./js-kernel.js";

export function createKernel(): Kernel {
  return new JSKernel();
}

export function setKernelModule(_module: WebAssembly.Module): void {}

export function codecKind(): "wasm" | "js" {
  return "js";
}
