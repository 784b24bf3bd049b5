import { createHash } from "node:crypto";
import {
  compileRegex,
  errorText,
  type Label,
  type Labels,
  labelsFrom,
  OperatingError,
  quote,
  type Regex,
  unreachable,
} from "@pharos/base";

export const RELABEL_ACTIONS = [
  "replace",
  "keep",
  "drop",
  "keepequal",
  "dropequal",
  "hashmod",
  "labelmap",
  "labeldrop",
  "labelkeep",
  "lowercase",
  "uppercase",
] as const;

export type RelabelAction = (typeof RELABEL_ACTIONS)[number];

/** One relabelling rule as a configuration file has it; what is absent has Prometheus's default. */
export interface RelabelConfig {
  readonly sourceLabels?: readonly string[];
  /** Between the values of the source labels; ";" by default. */
  readonly separator?: string;
  /** RE2, fully anchored; "(.*)" by default. */
  readonly regex?: string;
  /** From 1 to 2^53; for `hashmod`. */
  readonly modulus?: number;
  readonly targetLabel?: string;
  /** May refer to the groups of `regex`; "$1" by default. */
  readonly replacement?: string;
  /** In any case of letters; "replace" by default. */
  readonly action?: string;
}

/** A checked rule, ready to run. Made by `createRelabelRule` only. */
export interface RelabelRule {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly regex: Regex;
  readonly modulus: number;
  readonly targetLabel: string;
  readonly replacement: string;
}

const DEFAULT_SEPARATOR = ";";
const DEFAULT_REGEX = "(.*)";
const DEFAULT_REPLACEMENT = "$1";

/**
 * Checks a rule as Prometheus 3 does and compiles its expression.
 *
 * @throws OperatingError `config.invalid`, with Prometheus's words for what is wrong.
 */
export function createRelabelRule(config: RelabelConfig): RelabelRule {
  const action = (config.action ?? "replace").toLowerCase();
  if (!isRelabelAction(action))
    throw invalid(
      action === ""
        ? "relabel action cannot be empty"
        : `unknown relabel action ${quote(config.action ?? "")}; known are ${RELABEL_ACTIONS.join(", ")}`,
    );
  for (const name of config.sourceLabels ?? [])
    if (!isLabelName(name)) throw invalid(`${quote(name)} is not a valid label name`);
  const rule: RelabelRule = {
    action,
    sourceLabels: config.sourceLabels ?? [],
    separator: config.separator ?? DEFAULT_SEPARATOR,
    regex: compile(config.regex ?? DEFAULT_REGEX),
    modulus: config.modulus ?? 0,
    targetLabel: config.targetLabel ?? "",
    replacement: config.replacement ?? DEFAULT_REPLACEMENT,
  };
  const problem = problemOf(rule);
  if (problem !== undefined) throw invalid(problem);
  return rule;
}

/** What the rule was made from, with all defaults filled in: plain data, to be sent elsewhere. */
export function relabelConfigOf({ regex, ...rule }: RelabelRule): RelabelConfig {
  return { ...rule, regex: regex.source };
}

function isRelabelAction(action: string): action is RelabelAction {
  return (RELABEL_ACTIONS as readonly string[]).includes(action);
}

function compile(source: string): Regex {
  try {
    return compileRegex(source);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw invalid(errorText(error));
  }
}

function problemOf(rule: RelabelRule): string | undefined {
  const { action, targetLabel, replacement, modulus } = rule;
  if (!Number.isSafeInteger(modulus) || modulus < 0)
    return `modulus ${modulus} is not an integer from 1 to 2^53`;
  switch (action) {
    case "keep":
    case "drop":
      return undefined;
    case "labelmap":
      return isLabelName(replacement)
        ? undefined
        : `${quote(replacement)} is invalid 'replacement' for labelmap action`;
    case "labeldrop":
    case "labelkeep":
      return rule.sourceLabels.length > 0 || targetLabel !== "" || !hasDefaultTexts(rule)
        ? `${action} action requires only 'regex', and no other fields`
        : undefined;
    case "hashmod":
      if (modulus === 0) return "relabel configuration for hashmod requires non-zero modulus";
      return targetProblem(rule);
    case "replace":
      return targetProblem(rule);
    case "lowercase":
    case "uppercase":
      return (
        targetProblem(rule) ??
        (replacement === DEFAULT_REPLACEMENT
          ? undefined
          : `'replacement' can not be set for ${action} action`)
      );
    case "keepequal":
    case "dropequal":
      return (
        targetProblem(rule) ??
        (rule.regex.source === DEFAULT_REGEX && hasDefaultTexts(rule)
          ? undefined
          : `${action} action requires only 'source_labels' and 'target_label', and no other fields`)
      );
    default:
      return unreachable(action);
  }
}

function hasDefaultTexts({ separator, replacement, modulus }: RelabelRule): boolean {
  return separator === DEFAULT_SEPARATOR && replacement === DEFAULT_REPLACEMENT && modulus === 0;
}

function targetProblem({ action, targetLabel }: RelabelRule): string | undefined {
  if (targetLabel === "")
    return `relabel configuration for ${action} action requires 'target_label' value`;
  if (!isLabelName(targetLabel))
    return `${quote(targetLabel)} is invalid 'target_label' for ${action} action`;
  return undefined;
}

/** As Prometheus 3: any text that is UTF-8 and not empty. */
function isLabelName(name: string): boolean {
  return name !== "" && name.isWellFormed();
}

function invalid(message: string): OperatingError {
  return new OperatingError("config.invalid", message);
}

/**
 * Applies the rules in order. Undefined where a rule drops the label set. What a rule leaves with an empty value is
 * no label any more; a replacement that would give an invalid label name does nothing.
 */
export function relabel(labels: Labels, rules: readonly RelabelRule[]): Labels | undefined {
  if (rules.length === 0) return labels;
  const set = new Map<string, string>(labels);
  for (const rule of rules) if (!applyRule(rule, set)) return undefined;
  return labelsFrom(set);
}

/** Changes `set` in place; false where the rule drops it. */
function applyRule(rule: RelabelRule, set: Map<string, string>): boolean {
  const { action, regex, targetLabel, replacement } = rule;
  switch (action) {
    case "keep":
      return regex.matches(sourceValue(rule, set));
    case "drop":
      return !regex.matches(sourceValue(rule, set));
    case "keepequal":
      return (set.get(targetLabel) ?? "") === sourceValue(rule, set);
    case "dropequal":
      return (set.get(targetLabel) ?? "") !== sourceValue(rule, set);
    case "replace":
      replace(rule, set);
      return true;
    case "lowercase":
      setLabel(set, targetLabel, mapCase(sourceValue(rule, set), lowerRune));
      return true;
    case "uppercase":
      setLabel(set, targetLabel, mapCase(sourceValue(rule, set), upperRune));
      return true;
    case "hashmod":
      setLabel(set, targetLabel, hashMod(sourceValue(rule, set), rule.modulus));
      return true;
    case "labelmap":
      // What the mapping adds is not mapped again.
      for (const [name, value] of [...set]) {
        const mapped = regex.expand(name, replacement);
        if (mapped !== undefined && isLabelName(mapped)) setLabel(set, mapped, value);
      }
      return true;
    case "labeldrop":
      for (const name of [...set.keys()]) if (regex.matches(name)) set.delete(name);
      return true;
    case "labelkeep":
      for (const name of [...set.keys()]) if (!regex.matches(name)) set.delete(name);
      return true;
    default:
      return unreachable(action);
  }
}

function sourceValue({ sourceLabels, separator }: RelabelRule, set: Map<string, string>): string {
  const [first] = sourceLabels;
  if (first === undefined) return "";
  if (sourceLabels.length === 1) return set.get(first) ?? "";
  return sourceLabels.map((name) => set.get(name) ?? "").join(separator);
}

function replace(rule: RelabelRule, set: Map<string, string>): void {
  const value = sourceValue(rule, set);
  const target = rule.regex.expand(value, rule.targetLabel);
  if (target === undefined || !isLabelName(target)) return;
  setLabel(set, target, rule.regex.expand(value, rule.replacement) ?? "");
}

function setLabel(set: Map<string, string>, ...[name, value]: Label): void {
  if (value === "") set.delete(name);
  else set.set(name, value);
}

/** Bytes 8 to 15 of the MD5, big-endian: as Prometheus does, so that shards agree across the two. */
function hashMod(value: string, modulus: number): string {
  const hash = createHash("md5").update(value, "utf8").digest();
  return String(hash.readBigUInt64BE(8) % BigInt(modulus));
}

/**
 * Go maps one code point to one code point; JavaScript also knows mappings to several ("ß" to "SS") and mappings that
 * look at the neighbours (final sigma). Only the former kind is applied.
 */
function mapCase(text: string, mapRune: (rune: string) => string): string {
  let out = "";
  for (const rune of text) {
    const mapped = mapRune(rune);
    out += [...mapped].length === 1 ? mapped : rune;
  }
  return out;
}

const lowerRune = (rune: string): string => rune.toLowerCase();
const upperRune = (rune: string): string => rune.toUpperCase();
