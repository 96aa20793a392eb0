import type { Engine } from "../db/engine/engine.js";
import { reportOf } from "../db/events.js";
import type { EngineEvent, EngineRequests, Told } from "../db/protocol.js";

/** A request whose answer nobody waits for. */
export function tellEngine<Op extends Told>(engine: Engine, op: Op, params: EngineRequests[Op]["params"], emit: (event: EngineEvent) => void): void {
  engine.request(op, params).catch((error: unknown) => {
    const { code, message } = reportOf(error);
    emit({ type: "told-failed", code, message });
  });
}
