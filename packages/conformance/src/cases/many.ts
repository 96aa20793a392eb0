import type { LTXFileRef } from "@ls/core/backend-kit";
import { ref } from "../ltx-file.js";

/** More files than object stores list, or delete, with one request. */
export const MANY: readonly LTXFileRef[] = Array.from({ length: 1020 }, (_, i) => ref(BigInt(i + 1)));
