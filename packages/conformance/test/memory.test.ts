import { describe, test } from "vitest";
import { testReplicaClient } from "../src/index.js";
import { memorySubject } from "./memory-subject.js";

testReplicaClient({ name: "memory", runner: { describe, it: test }, ...memorySubject() });
testReplicaClient({ name: "memory, listing its own times", runner: { describe, it: test }, ...memorySubject(undefined, true) });
