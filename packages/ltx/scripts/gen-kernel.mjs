/*
 * Compiles kernel/kernel.as.ts to kernel.wasm and src/kernel.generated.ts; both are committed.
 * With --check it writes nothing and fails when the committed files are not what the source compiles to.
 */
import { readFile, writeFile } from "node:fs/promises";
import asc from "assemblyscript/asc";

const root = new URL("..", import.meta.url);
/** 1152 KiB: MEMORY_SIZE in src/arena.ts. Fixed, because growing detaches every view. */
const MEMORY_PAGES = "18";

const { error, stderr, wasm } = await compile();
if (error !== null || wasm === undefined) {
  console.error(stderr, error);
  process.exit(1);
}

const base64 = Buffer.from(wasm).toString("base64");
const module = `// Generated from kernel/kernel.as.ts by \`pnpm gen:kernel\`. Do not edit.\n\n/** The compiled kernel, base64. */\nexport const KERNEL_BASE64: string =\n  "${base64}";\n`;
const outputs = [
  { path: new URL("kernel.wasm", root), bytes: Buffer.from(wasm) },
  { path: new URL("src/kernel.generated.ts", root), bytes: Buffer.from(module) },
];

if (process.argv.includes("--check")) {
  for (const { path, bytes } of outputs) {
    const committed = await readFile(path).catch(() => Buffer.alloc(0));
    if (committed.equals(bytes)) continue;
    console.error(`${path.pathname} is not what kernel/kernel.as.ts compiles to: run \`pnpm gen:kernel\``);
    process.exitCode = 1;
  }
  if (process.exitCode === undefined) console.log(`kernel: ${wasm.length} bytes, as committed`);
} else {
  for (const { path, bytes } of outputs) await writeFile(path, bytes);
  console.log(`kernel: ${wasm.length} bytes`);
}

async function compile() {
  let wasm;
  const files = new Map([["kernel.as.ts", await readFile(new URL("kernel/kernel.as.ts", root), "utf8")]]);
  const args = ["kernel.as.ts", "-o", "kernel.wasm", "--runtime", "stub", "--use", "abort=", "-O3", "--converge", "--noAssert", "--enable", "simd"];
  const result = await asc.main([...args, "--initialMemory", MEMORY_PAGES, "--maximumMemory", MEMORY_PAGES], {
    readFile: (name) => files.get(name) ?? null,
    writeFile: (_name, contents) => {
      wasm = contents;
    },
    listFiles: () => [],
  });
  return { error: result.error, stderr: result.stderr.toString(), wasm };
}
