import { quote } from "@pharos/base";
import { formatFloat } from "./go-float.ts";
import { formatGoValue, typeName, type Value } from "./value.ts";

/** How wide a verb may pad and how many digits it may ask for: a template must not make megabytes of blanks. */
const WIDTH_MAX = 1000;
const PRECISION_MAX = 100;

const VERB = /%([-+# 0]*)(\d+)?(?:\.(\d*))?([a-zA-Z%])?/g;

/** Go's `fmt.Sprintf` for the values of templates, its complaints in the text included (`%!d(string=x)`). */
export function sprintf(format: string, args: readonly Value[]): string {
  let used = 0;
  const text = format.replace(
    VERB,
    (
      _whole,
      flags: string,
      widthText: string | undefined,
      precisionText: string | undefined,
      verb: string | undefined,
    ) => {
      if (verb === "%") return "%";
      if (verb === undefined) return "%!(NOVERB)";
      if (used >= args.length) return `%!${verb}(MISSING)`;
      const arg = args[used++] as Value;
      const precision =
        precisionText === undefined ? -1 : Math.min(Number(precisionText), PRECISION_MAX);
      const text = formatVerb(verb, arg, precision, flags);
      if (text === undefined) return badVerb(verb, arg);
      return pad(text, Math.min(Number(widthText ?? 0), WIDTH_MAX), flags, isNumeric(arg, verb));
    },
  );
  const extra = args.slice(used);
  if (extra.length === 0) return text;
  return `${text}%!(EXTRA ${extra.map(describe).join(", ")})`;
}

function formatVerb(
  verb: string,
  arg: Value,
  precision: number,
  flags: string,
): string | undefined {
  if (verb === "v") return signed(formatGoValue(arg), arg, flags);
  if (verb === "T") return typeName(arg);
  if (typeof arg === "number") {
    const text = formatFloatVerb(verb, arg, precision);
    return text === undefined ? undefined : signed(text, arg, flags);
  }
  if (typeof arg === "boolean") return verb === "t" ? String(arg) : undefined;
  if (typeof arg === "string") return formatString(verb, arg, precision);
  if (arg !== null && arg.kind === "int") {
    const text = formatInt(verb, arg.value);
    return text === undefined ? undefined : signed(text, arg, flags);
  }
  return verb === "s" && arg !== null ? formatGoValue(arg) : undefined;
}

function formatFloatVerb(verb: string, value: number, precision: number): string | undefined {
  const digits = precision < 0 ? 6 : precision;
  switch (verb) {
    case "e":
      return formatFloat(value, "e", digits);
    case "E":
      return formatFloat(value, "e", digits).toUpperCase();
    case "f":
    case "F":
      return formatFloat(value, "f", digits);
    case "g":
      return formatFloat(value, "g", precision);
    case "G":
      return formatFloat(value, "g", precision).replace("e", "E");
    default:
      return undefined;
  }
}

function formatInt(verb: string, value: number): string | undefined {
  switch (verb) {
    case "d":
      return String(value);
    case "x":
      return value.toString(16);
    case "X":
      return value.toString(16).toUpperCase();
    case "o":
      return value.toString(8);
    case "b":
      return value.toString(2);
    case "c":
      return value >= 0 && value <= 0x10ffff ? String.fromCodePoint(value) : "\ufffd";
    default:
      return undefined;
  }
}

function formatString(verb: string, text: string, precision: number): string | undefined {
  const cut = precision < 0 ? text : Array.from(text).slice(0, precision).join("");
  switch (verb) {
    case "s":
      return cut;
    case "q":
      return quote(cut);
    case "x":
      return hex(cut);
    case "X":
      return hex(cut).toUpperCase();
    default:
      return undefined;
  }
}

function hex(text: string): string {
  let out = "";
  for (const byte of new TextEncoder().encode(text)) out += byte.toString(16).padStart(2, "0");
  return out;
}

function isNumeric(arg: Value, verb: string): boolean {
  if (verb === "T" || arg === null) return false;
  if (typeof arg === "number") return Number.isFinite(arg);
  return typeof arg === "object" && arg.kind === "int";
}

function signed(text: string, arg: Value, flags: string): string {
  if (!isNumeric(arg, "v") || text.startsWith("-")) return text;
  if (flags.includes("+")) return `+${text}`;
  return flags.includes(" ") ? ` ${text}` : text;
}

function pad(text: string, width: number, flags: string, numeric: boolean): string {
  if (text.length >= 2 * width) return text; // Without counting the characters of a long text.
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0") || !numeric) return " ".repeat(missing) + text;
  const sign = /^[-+ ]/.test(text) ? text.charAt(0) : "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

function badVerb(verb: string, arg: Value): string {
  return arg === null ? `%!${verb}(<nil>)` : `%!${verb}(${describe(arg)})`;
}

function describe(arg: Value): string {
  return arg === null ? "<nil>" : `${typeName(arg)}=${formatGoValue(arg)}`;
}
