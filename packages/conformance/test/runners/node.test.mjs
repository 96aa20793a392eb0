import { describe, it } from "node:test";
import { testReplicaClient } from "@ls/conformance";
import { subject } from "./subject.mjs";

testReplicaClient({ name: "memory", runner: { describe, it }, ...subject });
