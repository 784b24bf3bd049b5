import { type FamilyMetadata, METRIC_TYPES, type MetricType } from "./family-metadata.ts";
import { type ExpositionFormat, unescapeText } from "./series-text.ts";

/** What the comment lines of a body say. */
export interface ExpositionComments {
  /** One for each family, in the order in which they are first named. */
  readonly families: readonly FamilyMetadata[];
  /** From which offset of the body on which type is in effect; offsets ascend. */
  readonly types: readonly { readonly offset: number; readonly type: string }[];
}

/** A comment line that the format does not allow. */
export class CommentError extends Error {
  override readonly name = "CommentError";
  /** Of the line, in the body. */
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

const TYPES: Readonly<Record<ExpositionFormat, ReadonlyMap<string, MetricType>>> = {
  text: new Map([
    ["counter", "counter"],
    ["gauge", "gauge"],
    ["histogram", "histogram"],
    ["summary", "summary"],
    ["untyped", "unknown"],
  ]),
  openmetrics: new Map(METRIC_TYPES.map((type) => [type, type])),
};

const LINE: Readonly<Record<ExpositionFormat, RegExp>> = {
  // In text anything else that begins with # is a comment for people.
  text: /^#[ \t]+(HELP|TYPE)[ \t]+(.*)$/s,
  openmetrics: /^# (HELP|TYPE|UNIT) (.*)$/s,
};
const FAMILY = /^(?:([a-zA-Z_:][a-zA-Z0-9_:]*)|"((?:[^"\\]|\\.)*)")(?:([ \t])(.*))?$/s;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenientDecoder = new TextDecoder();
const LINE_FEED = 10;
const HASH_SIGN = 35;

/**
 * Reads the comment lines of a body whose lines with samples are well-formed.
 * @throws CommentError
 */
export function readComments(body: Uint8Array, format: ExpositionFormat): ExpositionComments {
  const families = new Map<string, { -readonly [K in keyof FamilyMetadata]: FamilyMetadata[K] }>();
  const types: { offset: number; type: string }[] = [];
  for (let start = 0; start < body.length; ) {
    const lineFeed = body.indexOf(LINE_FEED, start);
    const end = lineFeed < 0 ? body.length : lineFeed;
    const offset = start;
    start = end + 1;
    let first = offset;
    while (format === "text" && (body[first] === 0x20 || body[first] === 0x09)) first++;
    if (body[first] !== HASH_SIGN) continue;

    // What is written for people need not be UTF-8, so it is read leniently first.
    const line = body.subarray(first, end);
    if (!LINE[format].test(lenientDecoder.decode(line))) continue;
    const found = LINE[format].exec(decodeLine(line, offset));
    const [, keyword, rest] = found as unknown as [string, "HELP" | "TYPE" | "UNIT", string];
    const named = FAMILY.exec(rest);
    if (named === null) throw new CommentError(offset, `no metric name after ${keyword}`);
    const [, plain, quoted, blank, text = ""] = named;
    if (blank === undefined && (keyword === "TYPE" || format === "openmetrics"))
      throw new CommentError(offset, `nothing after the metric name of ${keyword}`);
    if (blank === "\t" && format === "openmetrics")
      throw new CommentError(offset, `a tab after the metric name of ${keyword}`);
    const family = plain ?? unescapeText(quoted as string);
    let entry = families.get(family);
    if (entry === undefined) {
      entry = { family, type: "unknown", help: "", unit: "" };
      families.set(family, entry);
    }
    if (keyword === "TYPE") {
      const name = format === "text" ? text.trim() : text;
      const type = TYPES[format].get(name);
      if (type === undefined) throw new CommentError(offset, `invalid metric type ${quote(name)}`);
      entry.type = type;
      types.push({ offset, type });
    } else if (keyword === "HELP") {
      entry.help = format === "text" ? unescapeHelp(text) : unescapeText(text);
    } else {
      if (text !== "" && !family.endsWith(`_${text}`))
        throw new CommentError(
          offset,
          `unit ${quote(text)} is no suffix of the metric ${quote(family)}`,
        );
      entry.unit = text;
    }
  }
  return { families: [...families.values()], types };
}

function decodeLine(bytes: Uint8Array, offset: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new CommentError(offset, "not UTF-8");
  }
}

/** `\\` and `\n`; in help texts quotes need no escape. */
function unescapeHelp(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([\\n])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

function quote(text: string): string {
  return JSON.stringify(text);
}
