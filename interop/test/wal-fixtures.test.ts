import { readdirSync } from "node:fs";
import { type ReadAt, type ScanStop, WALReader } from "../../packages/core/src/wal/reader.js";
import { PageMap } from "../../packages/core/src/wal/page-map.js";
