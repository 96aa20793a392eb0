import { mutation } from "../mutation.mjs";

const ENGINE = "core/src/db/engine";
const REGRESSIONS = "core/test/engine-regressions.test.ts";
const CAPTURE = "core/test/engine-capture.test.ts";
const CONTINUITY = "core/test/engine-continuity.test.ts";

export const A = [
  mutation("A2", `${ENGINE}/capture.ts`, "position !== undefined && !isNextGeneration(position.salt1, header.salt1)", "position !== undefined", REGRESSIONS),
  mutation("A3", "core/src/wal/page-map.ts", "if (pgno <= this.#commit && pgno !== lock)", "if (pgno !== lock)", CAPTURE),
  mutation("A4", `${ENGINE}/state-cut.ts`, "walOffset: WAL_HEADER_SIZE", "walOffset: 0", REGRESSIONS),
  mutation("A7", "core/src/db/attach-decision.ts", "localTXID > 0n && remoteTXID > localTXID", "false", "core/src/db/attach-decision.test.ts"),
  mutation("A9", `${ENGINE}/attached.ts`, "this.#capture = new Capture(this.#wal.readAt, this.pageSize, view.position);", "this.#capture = new Capture(this.#wal.readAt, this.pageSize, undefined);\n    await this.#capture.grab(this.readEnd(), slicer);\n    this.#capture.clear();", CAPTURE),
  mutation("A11", `${ENGINE}/capture.ts`, "return this.#inside === undefined && (", "return (", "core/src/db/engine/capture.test.ts"),
  mutation("A13 A23 B11", "core/src/wal/page-map.ts", "if (this.#range === undefined) return undefined;", "if (this.#range === undefined) return { pgnos: Uint32Array.of(1), commit: 1, minCommit: 1, range: { salt1: 1, salt2: 1, pageSize: this.pageSize, startFrame: 0, endFrame: 0 } };", CONTINUITY),
  mutation("A14", `${ENGINE}/capture.ts`, "if (position !== undefined && position.salt1 === header.salt1 && position.salt2 === header.salt2) {", "if (position !== undefined) {", REGRESSIONS),
  mutation("A16", `${ENGINE}/capture-loop.ts`, "this.#backlog ||= cutFirst;", "", CAPTURE),
  mutation("A17", `${ENGINE}/operation-queue.ts`, 'signal?.addEventListener("abort", onAbort, { once: true });', "", "core/src/db/engine/operation-queue.test.ts"),
  mutation("A18", `${ENGINE}/attached.ts`, "// Before the file may leave this machine, the local disk must hold what is in it.", "capture.clear();", REGRESSIONS),
  mutation("A19", `${ENGINE}/engine.ts`, "    local.staged.reload();\n", "", CONTINUITY),
  mutation("A20", `${ENGINE}/operation-queue.ts`, "if (this.#running === undefined) this.#waiting", "this.#waiting", "core/src/db/engine/operation-queue.test.ts"),
  mutation("A21", `${ENGINE}/connections.ts`, 'if (!readonly) connection.exec("PRAGMA wal_autocheckpoint=0");', "", "core/test/takeover.test.ts"),
  mutation("A22", `${ENGINE}/readiness.ts`, 'if (isBusy(error)) return "locked-exclusive";', "", REGRESSIONS),
  mutation("A24", `${ENGINE}/connections.ts`, 'const row = this.#writer.row("PRAGMA wal_checkpoint(PASSIVE)");', 'this.#writer.exec(`PRAGMA user_version = ${Date.now() % 1000}`);\n    const row = this.#writer.row("PRAGMA wal_checkpoint(PASSIVE)");', REGRESSIONS),
  mutation("A25", `${ENGINE}/engine.ts`, "if (this.#loop !== undefined) return this.#loop;\n    const", "return this.#loop;\n    const", "core/test/engine.test.ts"),
  mutation("A26", `${ENGINE}/engine.ts`, 'if (this.#notReady !== undefined && this.#lookAfresh() === undefined) this.#emit({ type: "ready" });', "", CONTINUITY),
  mutation("A28", `${ENGINE}/readiness.ts`, '?.journal_mode === "wal" ? undefined : "not-wal"', " === undefined ? \"not-wal\" : undefined", REGRESSIONS),
  mutation("A29", "core/src/wal/header.ts", "pageSize > 65536 ||", "pageSize > 32768 ||", CAPTURE),
  mutation("A30", "core/src/wal/page-map.ts", "if (pgno <= this.#commit && pgno !== lock)", "if (pgno <= this.#commit)", "core/src/wal/page-map.test.ts"),
  mutation("A32", "core/src/wal/page-map.ts", "} else if (value < 0 && this.#slots < this.#maxSlots) {", "} else if (value < 0) {", "core/src/wal/page-map.test.ts"),
  mutation("A33", `${ENGINE}/capture-cut.ts`, "    staging.abort();\n", "", "core/test/engine-disk-full.test.ts"),
  mutation("A34 F17", "core/src/db/meta/atomic-file.ts", 'await attemptAsync("fsync", this.#temp, () => fsyncAsync(this.#fd));', "", "interop/test/durable-order.test.ts"),
  mutation("A34 F17", "core/src/sync-directory.ts", "    await handle.sync();\n", "", "interop/test/durable-order.test.ts"),
  mutation("A34 F17", "core/src/restore/file-output.ts", 'await attempt("sync", path, () => handle.sync());', "", "interop/test/durable-order.test.ts"),
  mutation("A34 F17", "backend-file/src/write-file.ts", "      await handle.sync();\n", "", "interop/test/durable-order.test.ts"),
  mutation("A36", `${ENGINE}/connections.ts`, 'if (!readonly) connection.exec("PRAGMA wal_autocheckpoint=0");', 'if (!readonly) connection.exec("PRAGMA wal_autocheckpoint=0; CREATE TABLE IF NOT EXISTS _seq (id)");', "interop/test/attach.test.ts", { built: true }),
  mutation("A39", "core/src/replica/uploader.ts", "if (txid <= this.#remoteTXID) return true;", "return true;", "interop/test/db.test.ts"),
  mutation("A40", "core/src/replica/publish.ts", "if (await listedAlready(client, ref, signal)) return settle", "if (false) return settle", "core/test/uploader.test.ts"),
];
