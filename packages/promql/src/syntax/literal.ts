import { parseDuration, quote } from "@pharos/base";
import { readEscape } from "./string-escape.ts";

/**
 * The value of a number token: decimal, hexadecimal, octal (a leading 0, as in Go), `Inf`, `NaN`. As in Go, whole
 * numbers with a base end below 2^63, and beyond that octal digits are decimal ones. A text says what is wrong with it.
 */
export function numberValue(text: string): number | string {
  const digits = text.includes("_") ? text.replaceAll("_", "") : text;
  const lower = digits.toLowerCase();
  if (lower === "inf") return Number.POSITIVE_INFINITY;
  if (lower === "nan") return Number.NaN;
  if (/^00*[0-7]{1,21}$/.test(digits)) return Number.parseInt(digits, 8);
  const value = Number(digits);
  if (lower.startsWith("0x") && !/^0x0*[0-7]?[0-9a-f]{0,15}$/.test(lower))
    return goComplaint(text, "invalid syntax");
  return Number.isFinite(value) ? value : goComplaint(text, "value out of range");
}

function goComplaint(text: string, problem: string): string {
  return `error parsing number: strconv.ParseFloat: parsing ${quote(text)}: ${problem}`;
}

/** The length of a duration token in seconds; a text says what is wrong with it. */
export function durationSeconds(text: string): number | string {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms / 1000;
  const odd = [...text.matchAll(/\d+([^\d]+)/g)].find(([, unit]) => !UNITS.includes(unit ?? ""));
  if (odd !== undefined) return `unknown unit ${quote(odd[1] ?? "")} in duration ${quote(text)}`;
  const inOrder = /^(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?$/.test(text);
  return inOrder ? "duration out of range" : `not a valid duration string: ${quote(text)}`;
}

const UNITS: readonly string[] = ["y", "w", "d", "h", "m", "s", "ms"];

/** What a string token (with its quotes, and known to be well formed) stands for. */
export function unquote(text: string): string {
  const mark = text.charAt(0);
  const inner = text.slice(1, -1);
  if (mark === "`" || !inner.includes("\\")) return inner;
  let out = "";
  // Consecutive bytes written as escapes may make up one character, so they are decoded together.
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length > 0) out += new TextDecoder().decode(new Uint8Array(bytes));
    bytes = [];
  };
  let at = 0;
  while (at < inner.length) {
    if (inner.charAt(at) !== "\\") {
      flush();
      const next = inner.indexOf("\\", at);
      const end = next < 0 ? inner.length : next;
      out += inner.slice(at, end);
      at = end;
      continue;
    }
    const escaped = readEscape(inner, at, mark);
    if (typeof escaped === "string") return inner;
    if (escaped.isByte) bytes.push(escaped.code);
    else {
      flush();
      out += String.fromCodePoint(escaped.code);
    }
    at = escaped.end;
  }
  flush();
  return out;
}
