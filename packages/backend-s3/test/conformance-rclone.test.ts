import { rcloneOrSkip, startRclone } from "../../../testkit/src/servers/index.js";
import { conformanceOn } from "./conformance-on.js";

conformanceOn({
  name: "rclone",
  binary: rcloneOrSkip(),
  start: startRclone,
  createOnly: false,
  checksSignatures: true,
  knownGaps: [{ case: "contract.capabilities", reason: "that this service ignores If-None-Match is known only after the first create-only write" }],
});
