import { type Labels, labelsFrom, OperatingError, quote } from "@pharos/base";
import { parse, YAMLError } from "yaml";
import type { TargetGroup } from "./scrape-job.ts";

/** A larger target file is refused; a million targets need less. */
export const TARGET_FILE_SIZE_MAX = 64 * 1024 * 1024;

/**
 * Reads a file of targets: a list of `{targets: [address …], labels: {name: value …}}`, as JSON where the path ends in
 * .json, else as YAML. Each group gets the label `__meta_filepath`.
 *
 * @throws OperatingError `config.invalid`, naming the place in the file.
 */
export function parseTargetFile(path: string, bytes: Uint8Array): readonly TargetGroup[] {
  if (bytes.length > TARGET_FILE_SIZE_MAX)
    throw invalid(`${path}: ${bytes.length} bytes; at most ${TARGET_FILE_SIZE_MAX} are allowed`);
  const groups = parseText(path, bytes, isJsonPath(path));
  // An empty file is an empty list in YAML.
  if (groups === null && !isJsonPath(path)) return [];
  return groupsOf(path, groups, "__meta_filepath");
}

/**
 * Reads what an HTTP endpoint answers, which is as in a JSON file. Each group gets the label `__meta_url`.
 *
 * @throws OperatingError `config.invalid`, naming the place in the answer.
 */
export function parseTargetAnswer(url: string, bytes: Uint8Array): readonly TargetGroup[] {
  return groupsOf(url, parseText(url, bytes, true), "__meta_url");
}

function groupsOf(path: string, groups: unknown, metaLabel: string): readonly TargetGroup[] {
  if (!Array.isArray(groups)) throw invalid(`${path}: must be a list of target groups`);
  return groups.map((group: unknown, index) => groupOf(path, group, index, metaLabel));
}

function parseText(path: string, bytes: Uint8Array, isJson: boolean): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // In the failsafe schema every scalar is a string: a label value 8080 or true needs no quotes.
    return isJson ? JSON.parse(text) : parse(text, { schema: "failsafe" });
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof YAMLError))
      throw error;
    throw invalid(`${path}: ${error.message.split("\n", 1)[0]}`);
  }
}

function isJsonPath(path: string): boolean {
  return path.toLowerCase().endsWith(".json");
}

function groupOf(path: string, group: unknown, index: number, metaLabel: string): TargetGroup {
  const place = `${path}: [${index}]`;
  if (!isRecord(group)) throw invalid(`${place}: must be an object with "targets" and "labels"`);
  for (const field of Object.keys(group))
    if (field !== "targets" && field !== "labels")
      throw invalid(`${place}: unknown field ${quote(field)}; known are "targets" and "labels"`);
  const { targets = [], labels = {} } = group;
  if (!Array.isArray(targets)) throw invalid(`${place}.targets: must be a list of addresses`);
  if (!isRecord(labels)) throw invalid(`${place}.labels: must be an object of strings`);
  const set = new Map<string, string>();
  for (const [name, value] of Object.entries(labels)) {
    if (typeof value !== "string") throw invalid(`${place}.labels.${name}: must be a string`);
    if (name === "" || !name.isWellFormed())
      throw invalid(`${place}.labels: ${quote(name)} is not a valid label name`);
    set.set(name, value);
  }
  set.set(metaLabel, path);
  return {
    source: `${path}:${index}`,
    labels: labelsFrom(set),
    targets: targets.map((address: unknown, at) =>
      addressLabels(address, `${place}.targets[${at}]`),
    ),
  };
}

function addressLabels(address: unknown, place: string): Labels {
  if (typeof address !== "string") throw invalid(`${place}: must be a string`);
  return labelsFrom([["__address__", address]]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string): OperatingError {
  return new OperatingError("config.invalid", message);
}
