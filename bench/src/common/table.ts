/** A Markdown table; every row has one cell per column. */
export function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  for (const row of rows) if (row.length !== columns.length) throw new RangeError(`${row.length} cells for ${columns.length} columns: ${row.join(" | ")}`);
  const widths = columns.map((column, i) => Math.max(3, column.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(columns), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** Replaces what stands between the two marker lines of `name`. Throws when the document has no such pair. */
export function spliceBetweenMarkers(document: string, name: string, content: string): string {
  const open = `<!-- bench:${name} -->`;
  const close = `<!-- /bench:${name} -->`;
  const start = document.indexOf(open);
  const end = document.indexOf(close, start);
  if (start < 0 || end < 0) throw new Error(`no markers ${open} … ${close}`);
  return `${document.slice(0, start + open.length)}\n${content}\n${document.slice(end)}`;
}

/** A number with `digits` decimals, fewer when it is large. */
export function format(value: number, digits = 2): string {
  const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? Math.min(1, digits) : digits;
  return value.toFixed(decimals);
}

/** `2.13×`. */
export function times(value: number): string {
  return `${format(value)}×`;
}

/** Bytes as MB (10^6). */
export function megabytes(bytes: number): string {
  return format(bytes / 1e6, 1);
}
