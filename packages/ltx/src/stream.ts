import { LTXDecoder, type LTXFileSummary, type LTXPageBatch } from "./decoder.js";
import { LTXEncoder } from "./encoder.js";
import type { LTXHeader, LTXHeaderInit } from "./header.js";

/** One database page. */
export interface LTXPage {
  /** Page number, from 1. */
  readonly pgno: number;
  /** Its content, exactly one page long. */
  readonly data: Uint8Array;
}

/**
 * Encodes one LTX file from its pages, in ascending order of page number. The chunks are the caller's own, about 256 KiB of
 * pages each. A page's content is copied before the next page is asked for.
 * @throws {@link LTXError} `LTX_INVALID` as {@link LTXEncoder}.
 */
export async function* encodeLTX(
  header: LTXHeaderInit,
  pages: Iterable<LTXPage> | AsyncIterable<LTXPage>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const encoder = new LTXEncoder(header);
  try {
    for await (const { pgno, data } of pages) {
      const bytes = encoder.encodePage(pgno, data);
      if (bytes.length > 0) yield bytes.slice();
    }
    yield encoder.finish();
  } finally {
    encoder.dispose();
  }
}

/**
 * Decodes and verifies one LTX file. The batches are views, valid until the next one is asked for. What they are written to
 * must not be used before the generator has returned: only then the file checksum is known to be right.
 * @param options.onHeader called once, before the first batch.
 * @returns the summary, as the generator's return value ({@link verifyLTX} is the shorter way to it).
 * @throws {@link LTXError} as {@link LTXDecoder}; errors of `source` pass through.
 */
export async function* decodeLTX(
  source: AsyncIterable<Uint8Array>,
  options: { readonly onHeader?: ((header: LTXHeader) => void) | undefined } = {},
): AsyncGenerator<LTXPageBatch, LTXFileSummary, undefined> {
  const decoder = new LTXDecoder();
  let announced = false;
  try {
    for await (const chunk of source) {
      for (const batch of decoder.push(chunk)) {
        if (!announced && decoder.header !== undefined) options.onHeader?.(decoder.header);
        announced = true;
        yield batch;
      }
    }
    const summary = decoder.finish();
    if (!announced) options.onHeader?.(summary.header);
    return summary;
  } finally {
    decoder.dispose();
  }
}

/**
 * Reads a whole LTX file and verifies everything that can be verified from it alone.
 * @throws {@link LTXError} as {@link LTXDecoder}; errors of `source` pass through.
 */
export async function verifyLTX(source: AsyncIterable<Uint8Array>): Promise<LTXFileSummary> {
  const pages = decodeLTX(source);
  for (;;) {
    const next = await pages.next();
    if (next.done === true) return next.value;
  }
}
