/**
 * A value without an exponent (Go's `strconv.FormatFloat(v, 'f', -1, 64)`): `NaN`, `+Inf`, `-Inf`, else the shortest
 * digits that give the same float back. For labels made of values, and for printing expressions.
 */
export function formatValue(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21)
    return Object.is(value, -0) ? "-0" : String(value);
  const infinite = formatInfinite(value);
  if (infinite !== undefined) return infinite;
  const text = String(value);
  const at = text.indexOf("e");
  if (at < 0) return text;
  const exponent = Number(text.slice(at + 1));
  const negative = text.startsWith("-");
  const [whole = "", fraction = ""] = text.slice(negative ? 1 : 0, at).split(".");
  const digits = whole + fraction;
  const point = whole.length + exponent;
  const plain =
    point <= 0
      ? `0.${"0".repeat(-point)}${digits}`
      : digits.length <= point
        ? digits + "0".repeat(point - digits.length)
        : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return negative ? `-${plain}` : plain;
}

/**
 * A sample value as Prometheus writes it in its JSON: as `formatValue`, but with an exponent of at least two digits
 * below 1e-6 and from 1e21 on.
 */
export function formatSampleValue(value: number): string {
  const text = formatInfinite(value) ?? (Object.is(value, -0) ? "-0" : String(value));
  const at = text.indexOf("e");
  // Exponents of one digit are all below zero: 1e-7, but 1e+21.
  return at >= 0 && text.length - at === 3 ? `${text.slice(0, -1)}0${text.at(-1)}` : text;
}

function formatInfinite(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : undefined;
}
