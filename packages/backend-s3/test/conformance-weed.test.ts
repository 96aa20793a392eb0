import { startWeed, weedOrSkip } from "../../../testkit/src/servers/index.js";
import { conformanceOn } from "./conformance-on.js";

conformanceOn({
  name: "SeaweedFS",
  binary: weedOrSkip(),
  start: startWeed,
  createOnly: true,
  checksSignatures: true,
  knownGaps: [],
});
