import { assert } from "./assert.ts";

/** A label: its name and its value. */
export type Label = readonly [name: string, value: string];

/**
 * A label set: sorted by name (by UTF-8 bytes, as Prometheus sorts), names unique and not empty,
 * values not empty (a label with an empty value is the same as no label). The metric name is the
 * label `__name__`. Build one with `labelsFrom`; everything else may rely on these properties.
 */
export type Labels = readonly Label[];

export const METRIC_NAME = "__name__";
export const NO_LABELS: Labels = [];

/**
 * Compares by UTF-8 bytes: negative, 0 or positive. Differs from `<` on strings, which compares UTF-16 units,
 * where a surrogate pair (U+10000 and up) meets U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // In UTF-8 a surrogate pair sorts after every other unit; in UTF-16 units it does not.
    const xPair = x >= 0xd800 && x <= 0xdfff;
    const yPair = y >= 0xd800 && y <= 0xdfff;
    return xPair === yPair ? x - y : xPair ? 1 : -1;
  }
  return a.length - b.length;
}

/** Sorts, drops labels with empty values, and asserts that no name comes twice. */
export function labelsFrom(pairs: Iterable<Label> | Readonly<Record<string, string>>): Labels {
  const list: Label[] = [];
  const entries = Symbol.iterator in pairs ? (pairs as Iterable<Label>) : Object.entries(pairs);
  for (const [name, value] of entries) if (value !== "") list.push([name, value]);
  list.sort((a, b) => compareUtf8(a[0], b[0]));
  for (let i = 1; i < list.length; i++)
    assert(list[i - 1]?.[0] !== list[i]?.[0], () => `label ${list[i]?.[0]} comes twice`);
  return list;
}

/** The value of a label, or "" where the set does not have it. */
export function labelValue(labels: Labels, name: string): string {
  for (const label of labels) if (label[0] === name) return label[1];
  return "";
}

/** The set with one label set to `value`, or without it where `value` is "". */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  const rest = labels.filter((label) => label[0] !== name);
  if (value === "") return rest;
  const at = rest.findIndex((label) => compareUtf8(label[0], name) > 0);
  rest.splice(at < 0 ? rest.length : at, 0, [name, value]);
  return rest;
}

/** The set without the labels named. */
export function withoutLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return labels.filter((label) => !names.has(label[0]));
}

/** The set with only the labels named. */
export function onlyLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return labels.filter((label) => names.has(label[0]));
}

/** `base` with `extra` over it: where both have a label, `extra`'s value stands. */
export function mergeLabels(base: Labels, extra: Labels): Labels {
  if (extra.length === 0) return base;
  if (base.length === 0) return extra;
  const merged: Label[] = [];
  let at = 0;
  for (const label of extra) {
    let order = -1;
    while (at < base.length) {
      order = compareUtf8((base[at] as Label)[0], label[0]);
      if (order >= 0) break;
      merged.push(base[at++] as Label);
    }
    if (order === 0) at++;
    merged.push(label);
  }
  while (at < base.length) merged.push(base[at++] as Label);
  return merged;
}

/** A string that is equal for equal label sets and different for different ones; for `Map` keys. */
export function labelsKey(labels: Labels): string {
  let key = "";
  // With sizes, since no character is one that a value cannot have.
  for (const [name, value] of labels) key += `${name.length},${value.length},${name}${value}`;
  return key;
}

/** Orders label sets as Prometheus does: label by label, name then value, by UTF-8 bytes. */
export function compareLabels(a: Labels, b: Labels): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const [aName, aValue] = a[i] as Label;
    const [bName, bValue] = b[i] as Label;
    const order = compareUtf8(aName, bName) || compareUtf8(aValue, bValue);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

export function equalLabels(a: Labels, b: Labels): boolean {
  return a.length === b.length && compareLabels(a, b) === 0;
}

const LEGACY_METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Whether a metric name can be written without quotes in PromQL and in the text format. */
export function isLegacyMetricName(name: string): boolean {
  return LEGACY_METRIC_NAME.test(name);
}

/** Whether a label name can be written without quotes in PromQL and in the text format. */
export function isLegacyLabelName(name: string): boolean {
  return LEGACY_LABEL_NAME.test(name);
}

/** Quotes as Go's `strconv.Quote` does for what matters here: `"`, `\`, and control characters. */
export function quote(text: string): string {
  let out = '"';
  for (const char of text) {
    if (char === '"' || char === "\\") out += `\\${char}`;
    else if (char < " " || char === "\x7f") out += quoteControl(char);
    else out += char;
  }
  return `${out}"`;
}

/** From 7 (bell) to 13 (carriage return): those that have a letter. */
const CONTROL_LETTERS = "abtnvfr";

function quoteControl(char: string): string {
  const code = char.charCodeAt(0);
  const letter = CONTROL_LETTERS.charAt(code - 7);
  return letter === "" ? `\\x${code.toString(16).padStart(2, "0")}` : `\\${letter}`;
}

/** As PromQL and the text format write it: `up{job="api"}`, `{"with space"="x"}` for UTF-8 names. */
export function formatLabels(labels: Labels): string {
  const name = labelValue(labels, METRIC_NAME);
  const legacy = name !== "" && isLegacyMetricName(name);
  const parts: string[] = name !== "" && !legacy ? [quote(name)] : [];
  for (const [label, value] of labels) {
    if (label === METRIC_NAME) continue;
    parts.push(`${isLegacyLabelName(label) ? label : quote(label)}=${quote(value)}`);
  }
  const braces = parts.length > 0 || name === "" ? `{${parts.join(", ")}}` : "";
  return (legacy ? name : "") + braces;
}
