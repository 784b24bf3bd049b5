import { type Label, labelsFrom } from "@pharos/base";
import { encodeLabels } from "./label-bytes.ts";
import { unescapeText } from "./series-text.ts";
import { EntriesBuilder, type ExemplarEntries } from "./written-attachments.ts";

/** The lines of a body that have a sample, in order. */
export interface SampleLines {
  readonly count: number;
  /** Where the text of a line's series begins in the body. */
  startOf(line: number): number;
  /** Where it ends. */
  endOf(line: number): number;
  /** The reference of its series; negative where it is not taken. */
  referenceOf(line: number): number;
}

const HASH_SIGN = 35;
const SPACE = 32;
const BRACE = 123;
const LINE_FEED = 10;
const EXEMPLAR = /^\{(.*)\} (\S+)(?: (\S+))?$/s;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/gs;

const decoder = new TextDecoder();

/**
 * The exemplars of an OpenMetrics body in which all lines are well-formed; undefined if it has none, as most.
 *
 * @param defaultTimestampMs of those that have no time of their own.
 */
export function readExemplars(
  body: Uint8Array,
  lines: SampleLines,
  defaultTimestampMs: number,
): ExemplarEntries | undefined {
  const found = new EntriesBuilder();
  const value = new DataView(new ArrayBuffer(8));
  for (let at = body.indexOf(HASH_SIGN); at >= 0; at = body.indexOf(HASH_SIGN, at + 1)) {
    if (body[at - 1] !== SPACE || body[at + 1] !== SPACE || body[at + 2] !== BRACE) continue;
    const line = lineBefore(lines, at);
    // Else it stands in a label's value, or in a comment.
    if (line < 0 || lines.endOf(line) > at) continue;
    const lineEnd = body.indexOf(LINE_FEED, lines.endOf(line));
    if (lineEnd >= 0 && lineEnd < at) continue;
    const text = decoder.decode(body.subarray(at + 2, lineEnd < 0 ? body.length : lineEnd));
    at += 2 + text.length;
    const ref = lines.referenceOf(line);
    const exemplar = ref < 0 ? undefined : parseExemplar(text);
    if (exemplar === undefined) continue;
    value.setFloat64(0, exemplar.value, true);
    const { timestampMs = defaultTimestampMs, labelBytes } = exemplar;
    const isTimed = exemplar.timestampMs !== undefined;
    found.add(ref, timestampMs, new Uint8Array(value.buffer), labelBytes, isTimed);
  }
  return found.count === 0 ? undefined : found.exemplars();
}

/** The last line whose series begins before a place; -1 if there is none. */
function lineBefore(lines: SampleLines, offset: number): number {
  let low = 0;
  let high = lines.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lines.startOf(middle) < offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

interface ScrapedExemplar {
  readonly labelBytes: Uint8Array;
  readonly value: number;
  readonly timestampMs: number | undefined;
}

/** Undefined where a label comes twice, or the time is out of range, which is not worth a failed scrape. */
function parseExemplar(text: string): ScrapedExemplar | undefined {
  const [, pairs = "", value = "", seconds] = EXEMPLAR.exec(text) ?? [];
  const labels = Array.from(
    pairs.matchAll(LABEL),
    ([, name = "", quoted = ""]): Label => [name, unescapeText(quoted)],
  );
  if (new Set(labels.map(([name]) => name)).size < labels.length) return undefined;
  const timestampMs = seconds === undefined ? undefined : Math.trunc(Number(seconds) * 1000);
  if (timestampMs !== undefined && !Number.isSafeInteger(timestampMs)) return undefined;
  return { labelBytes: encodeLabels(labelsFrom(labels)), value: numberOf(value), timestampMs };
}

function numberOf(text: string): number {
  if (/^[+-]?inf/i.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}
