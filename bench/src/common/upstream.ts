import { findUpstream, PEERS_COMMAND, runUpstream } from "@ls/testkit";

export interface UpstreamPeer {
  readonly binary: string;
  readonly version: string;
}

/** The upstream binary; a benchmark without its peer says nothing, so its absence is an error. */
export async function requireUpstream(): Promise<UpstreamPeer> {
  const binary = findUpstream();
  if (binary === undefined) throw new Error(`the upstream litestream 0.5 binary is missing; get it with: ${PEERS_COMMAND}`);
  const { stdout } = await runUpstream(binary, ["version"]);
  return { binary, version: stdout.trim().split("\n")[0] ?? "?" };
}
