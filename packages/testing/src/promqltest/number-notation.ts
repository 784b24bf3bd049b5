/** A number as the scripts write it: decimal, hexadecimal, `Inf`, `NaN`, with a sign or without. */
export function parseNumber(text: string): number | undefined {
  const match = /^([+-]?)(inf|nan|0x[0-9a-f]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i.exec(text);
  if (match === null) return undefined;
  const [, sign, digits = ""] = match;
  const lower = digits.toLowerCase();
  const value =
    lower === "inf"
      ? Number.POSITIVE_INFINITY
      : lower === "nan"
        ? Number.NaN
        : Number(lower.replaceAll("_", ""));
  return sign === "-" ? -value : value;
}
