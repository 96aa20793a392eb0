import { startVersitygw, versitygwOrSkip } from "../../../testkit/src/servers/index.js";
import { conformanceOn } from "./conformance-on.js";

conformanceOn({
  name: "versitygw",
  binary: versitygwOrSkip(),
  start: startVersitygw,
  createOnly: true,
  checksSignatures: true,
  knownGaps: [],
});
