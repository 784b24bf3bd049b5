/**
 * Go's `strconv.FormatFloat`: `e`, `f` or `g`, with `precision` digits or, below 0, as few as give the same float back.
 * JavaScript's own `toFixed` rounds ties up where Go rounds them to even, and `toPrecision` pads and switches to
 * exponents elsewhere; a template must print the same text in both systems.
 */
export function formatFloat(value: number, format: "e" | "f" | "g", precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const abs = Math.abs(value);
  const shortest = precision < 0;
  const decimal = shortest ? parse(abs.toExponential()) : parse(abs.toExponential(100));
  switch (format) {
    case "e": {
      const rounded = shortest ? decimal : round(decimal, precision + 1);
      return sign + exponential(rounded, shortest ? rounded.digits.length - 1 : precision);
    }
    case "f": {
      const rounded = shortest ? decimal : round(decimal, decimal.point + precision);
      return sign + plain(rounded, shortest ? fractionDigits(rounded) : precision);
    }
    case "g": {
      const wanted = precision === 0 ? 1 : precision;
      const rounded = trimZeros(shortest ? decimal : round(decimal, wanted));
      // Where the precision is "as few as needed", Go decides about the exponent as if it were 6.
      const exponentMin = shortest ? 6 : wanted;
      const exponent = rounded.point - 1;
      return exponent < -4 || exponent >= exponentMin
        ? sign + exponential(rounded, rounded.digits.length - 1)
        : sign + plain(rounded, fractionDigits(rounded));
    }
  }
}

/** 0.DIGITS × 10^point. Zero is the digit 0 with point 1. */
interface Decimal {
  readonly digits: string;
  readonly point: number;
}

function parse(exponential: string): Decimal {
  const at = exponential.indexOf("e");
  const digits = exponential.slice(0, at).replace(".", "");
  return { digits, point: Number(exponential.slice(at + 1)) + 1 };
}

/** To `count` digits, exact ties to even. */
function round({ digits, point }: Decimal, count: number): Decimal {
  if (count < 0) return { digits: "0", point: 1 };
  if (count >= digits.length) return { digits, point };
  const kept = digits.slice(0, count);
  const rest = digits.slice(count);
  const tie = /^50*$/.test(rest);
  const lastOdd = count > 0 && Number(kept[count - 1]) % 2 === 1;
  const up = tie ? lastOdd : rest.charAt(0) >= "5";
  if (!up) return count === 0 ? { digits: "0", point: 1 } : { digits: kept, point };
  const bumped = String(BigInt(kept === "" ? "0" : kept) + 1n).padStart(Math.max(count, 1), "0");
  return bumped.length > count ? { digits: bumped, point: point + 1 } : { digits: bumped, point };
}

function trimZeros({ digits, point }: Decimal): Decimal {
  return { digits: digits.replace(/(?!^)0+$/, ""), point };
}

function fractionDigits({ digits, point }: Decimal): number {
  return digits === "0" ? 0 : Math.max(digits.length - point, 0);
}

function exponential({ digits, point }: Decimal, fraction: number): string {
  const exponent = /^0+$/.test(digits) ? 0 : point - 1;
  const mantissa = digits.padEnd(fraction + 1, "0");
  const tail = fraction > 0 ? `.${mantissa.slice(1, fraction + 1)}` : "";
  const sign = exponent < 0 ? "-" : "+";
  return `${mantissa[0]}${tail}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function plain({ digits, point }: Decimal, fraction: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  if (fraction === 0) return whole;
  const tail = point > 0 ? digits.slice(point) : "0".repeat(-point) + digits;
  return `${whole}.${tail.padEnd(fraction, "0").slice(0, fraction)}`;
}
