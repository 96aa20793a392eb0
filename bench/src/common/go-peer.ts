import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BENCH_ROOT } from "./report.js";

export interface GoPeer {
  readonly binary: string;
  /** Of Go and of every module in the binary. */
  readonly versions: Readonly<Record<string, string>>;
}

/** One Go thread, as one JavaScript thread. */
export const GO_ENV: Readonly<Record<string, string>> = { GOMAXPROCS: "1" };

/** `ltx` runs the codec alone, `compact` upstream's compactor. */
export type GoProgram = "ltx" | "compact";

/** Builds a program of `go/` with the installed Go and asks it for its versions. The modules come through the ordinary Go proxy. */
export function buildGoPeer(program: GoProgram = "ltx"): GoPeer {
  const name = program === "ltx" ? "ltxbench" : program;
  const binary = join(BENCH_ROOT, ".cache", process.platform === "win32" ? `${name}.exe` : name);
  mkdirSync(join(BENCH_ROOT, ".cache"), { recursive: true });
  try {
    execFileSync("go", ["build", "-trimpath", "-o", binary, program === "ltx" ? "." : `./${program}`], {
      cwd: join(BENCH_ROOT, "go"),
      stdio: ["ignore", "inherit", "inherit"],
      timeout: 300_000,
    });
  } catch (cause) {
    throw new Error("the Go program beside this benchmark could not be built: install Go 1.25 or newer (https://go.dev/dl)", { cause });
  }
  // `as`: the program prints a flat object of strings.
  const versions = JSON.parse(execFileSync(binary, ["version"], { encoding: "utf8", timeout: 10_000 })) as Record<string, string>;
  return { binary, versions };
}
