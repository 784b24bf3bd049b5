/** What a unit measures, and how many of the base unit it is. */
interface Unit {
  readonly measures: "time" | "size" | "part" | "count";
  readonly factor: number;
}

const UNITS: ReadonlyMap<string, Unit> = new Map<string, Unit>([
  ["%", { measures: "part", factor: 0.01 }],
  ["us", { measures: "time", factor: 1e-6 }],
  ["ms", { measures: "time", factor: 1e-3 }],
  ["s", { measures: "time", factor: 1 }],
  ["m", { measures: "time", factor: 60 }],
  ["min", { measures: "time", factor: 60 }],
  ["h", { measures: "time", factor: 3600 }],
  ["d", { measures: "time", factor: 86_400 }],
  ["B", { measures: "size", factor: 1 }],
  ...["K", "M", "G", "T"].flatMap((prefix, at): [string, Unit][] => [
    [`${prefix}B`, { measures: "size", factor: 1000 ** (at + 1) }],
    [`${prefix}iB`, { measures: "size", factor: 1024 ** (at + 1) }],
    [prefix, { measures: "count", factor: 1000 ** (at + 1) }],
  ]),
  ["k", { measures: "count", factor: 1000 }],
  ["kB", { measures: "size", factor: 1000 }],
]);

/** What names of metrics say of their unit, after Prometheus's conventions. */
const NAMED_UNITS: readonly (readonly [name: RegExp, unit: Unit])[] = [
  [/_seconds(?:_|$)/, { measures: "time", factor: 1 }],
  [/_(?:ms|millis|milliseconds)(?:_|$)/, { measures: "time", factor: 1e-3 }],
  [/_minutes(?:_|$)/, { measures: "time", factor: 60 }],
  [/_bytes(?:_|$)/, { measures: "size", factor: 1 }],
  [/_ratio(?:_|$)/, { measures: "part", factor: 1 }],
  [/_(?:percent|pct|percentage)(?:_|$)/, { measures: "part", factor: 0.01 }],
];

const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Z]+|%)?$/;

export interface Quantity {
  readonly value: number;
  /** Said to whoever wrote it, where the number is not the one that stands there. */
  readonly remark: string | undefined;
}

/**
 * Reads a threshold: `5`, `5%`, `500ms`, `1M`. A unit is converted where the metric's name says its own; where it does
 * not, the number counts as it stands there, as nobody can know better. Undefined for what is no quantity.
 */
export function readQuantity(text: string, metric: string): Quantity | undefined {
  const [, number, suffix] = QUANTITY.exec(text.trim()) ?? [];
  if (number === undefined) return undefined;
  const value = Number(number);
  if (suffix === undefined) return { value, remark: undefined };
  const unit = UNITS.get(suffix);
  if (unit === undefined) return undefined;
  const written = `${number}${suffix}`;
  if (unit.measures === "count") {
    const counted = rounded(value * unit.factor);
    return { value: counted, remark: `${written} is compared as ${counted}` };
  }
  const named = NAMED_UNITS.find(
    ([name, { measures }]) => measures === unit.measures && name.test(metric),
  )?.[1];
  if (named === undefined) {
    const subject = metric === "" ? "the query" : metric;
    return {
      value,
      remark: `${written} is compared as ${value}: the name of ${subject} does not say its unit`,
    };
  }
  const converted = rounded((value * unit.factor) / named.factor);
  const remark = converted === value ? undefined : `${written} is compared as ${converted}`;
  return { value: converted, remark };
}

/** Without the last bits that multiplying has left: 500 ms are 0.5 s. */
function rounded(value: number): number {
  return Number(value.toPrecision(15));
}
