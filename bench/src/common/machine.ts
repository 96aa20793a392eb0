import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";

/** Of the minute before this program began: tells a run on a busy machine from one on an idle one. */
export const [LOAD_AVERAGE] = loadavg();

/** What the numbers depend on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
  /** Versions of what runs beside us, such as `go` and `litestream`. */
  readonly peers: Readonly<Record<string, string>>;
}

export function describeMachine(peers: Readonly<Record<string, string>>): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    peers,
  };
}

export function machineLine(machine: Machine): string {
  const peers = Object.entries(machine.peers).map(([name, version]) => `${name} ${version}`);
  return [`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB`, machine.os, `node ${machine.node}`, ...peers].join("; ");
}
