import { testReplicaClient } from "@ls/conformance";
import { describe, it } from "mocha";
import { subject } from "./subject.mjs";

testReplicaClient({ name: "memory", runner: { describe, it }, ...subject });
