import { isMap, isScalar, isSeq, type Node, type Scalar } from "yaml";
import { z } from "zod";
import { nearestName } from "./nearest-name.ts";
import {
  describeNode,
  formatPath,
  isMergeKey,
  keyText,
  MERGE_DEPTH_MAX,
  type Path,
  type YamlSource,
} from "./yaml-source.ts";

/** A key that the format has and this version does not act on. */
export interface Unsupported {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  /** What follows from that for the user: "this job finds no targets". */
  readonly means: string | undefined;
}

/** It in words, for a log line or a terminal. */
export function unsupportedText({ file, line, column, path, means }: Unsupported): string {
  const consequence = means === undefined ? "" : `: ${means}`;
  return `${file}:${line}:${column}: ${path} is not supported yet${consequence}`;
}

/** How deep a document may nest; also what ends an alias that holds itself. */
const DEPTH_MAX = 64;
/** How many values a document may hold once its aliases are followed: what ends an alias bomb. */
const VALUES_MAX = 1_000_000;

const UNREAD = new WeakSet<z.ZodType>();
const NOT_YET = new WeakMap<z.ZodType, { readonly means: string | undefined }>();
/** What is shown in place of a value. */
const SECRET = new WeakMap<z.ZodType, string>();
const MASK = "<secret>";

/** A key that is accepted, not looked into, and listed as not supported yet. */
export function notYet(means?: string): z.ZodOptional<z.ZodUnknown> {
  const description = "Known, and not supported yet.";
  const schema = z.unknown().optional().meta({ description });
  NOT_YET.set(schema, { means });
  return schema;
}

/** A key whose value is not looked at, since it is read by itself. */
export function unread(): z.ZodOptional<z.ZodUnknown> {
  const schema = z.unknown().optional();
  UNREAD.add(schema);
  return schema;
}

/** Marks a schema whose value must never be shown; `mask` is. */
export function secret<T extends z.ZodType>(schema: T, mask = MASK): T {
  SECRET.set(schema, mask);
  return schema;
}

/**
 * Reads a part of a document as `schema` wants it: scalars become what the schema expects (a password `1234` is the
 * text "1234"), keys without a value count as absent, keys that are not supported yet are listed, and all that is wrong
 * is reported at its place. Undefined where something is wrong.
 */
export function readYaml<T extends z.ZodType>(
  source: YamlSource,
  schema: T,
  path: Path,
  unsupported: Unsupported[],
): z.output<T> | undefined {
  const reader = new Reader(source, unsupported);
  const before = source.diagnostics.length;
  const input = reader.read(schema, source.nodeAt(path), path);
  if (reader.gaveUp) return undefined;
  const result = schema.safeParse(input ?? emptyOf(schema));
  if (!result.success)
    for (const issue of result.error.issues) reportIssue(source, path, issue, reader.misspelledIn);
  return result.success && source.diagnostics.length === before ? result.data : undefined;
}

/** An absent section is an empty one, so that its defaults apply. */
function emptyOf(schema: z.ZodType): unknown {
  const type = unwrap(schema).def.type;
  if (type === "object") return {};
  return type === "array" ? [] : undefined;
}

class Reader {
  readonly #source: YamlSource;
  readonly #unsupported: Unsupported[];
  #values = 0;
  gaveUp = false;
  /** The paths of the mappings that have an unknown key. */
  readonly misspelledIn = new Set<string>();

  constructor(source: YamlSource, unsupported: Unsupported[]) {
    this.#source = source;
    this.#unsupported = unsupported;
  }

  read(schema: z.ZodType, unresolved: Node | undefined, path: Path): unknown {
    const node = this.#source.resolve(unresolved);
    if (node === undefined || this.#tooLarge(path)) return undefined;
    if (isScalar(node) && node.value === null) return undefined;
    const inner = optionFor(unwrap(schema), node);
    if (isScalar(node)) return readScalar(inner, node);
    if (isSeq(node)) {
      const element = inner instanceof z.ZodArray ? (inner.element as z.ZodType) : ANYTHING;
      return node.items.map((item, index) => this.read(element, item as Node, [...path, index]));
    }
    const out: Record<string, unknown> = {};
    this.#readMap(inner, node, path, out);
    return out;
  }

  #readMap(
    schema: z.ZodType,
    node: Node,
    path: Path,
    out: Record<string, unknown>,
    mergeDepth = 0,
  ): void {
    if (!isMap(node) || mergeDepth > MERGE_DEPTH_MAX) return;
    for (const pair of node.items) {
      if (isMergeKey(pair)) continue;
      const key = keyText(pair);
      const at = [...path, key];
      if (key === "__proto__") this.#source.reportKey(at, "this name is not allowed");
      else if (schema instanceof z.ZodObject)
        this.#readKey(schema, key, pair.value as Node | undefined, at, out);
      else {
        const element = schema instanceof z.ZodRecord ? (schema.valueType as z.ZodType) : ANYTHING;
        out[key] = this.read(element, pair.value as Node | undefined, at);
      }
    }
    for (const pair of node.items) {
      if (!isMergeKey(pair)) continue;
      for (const merged of this.#source.mergedMaps(pair)) {
        const base: Record<string, unknown> = {};
        if (!this.#tooLarge(path)) this.#readMap(schema, merged, path, base, mergeDepth + 1);
        for (const [key, value] of Object.entries(base)) out[key] ??= value;
      }
    }
  }

  #readKey(
    schema: z.ZodObject,
    key: string,
    value: Node | undefined,
    path: Path,
    out: Record<string, unknown>,
  ): void {
    const shape = schema.shape as Readonly<Record<string, z.ZodType>>;
    const field = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (field === undefined) {
      const nearest = nearestName(key, Object.keys(shape));
      const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
      this.#source.reportKey(path, `unknown key${hint}`);
      this.misspelledIn.add(formatPath(path.slice(0, -1)));
      return;
    }
    if (UNREAD.has(field)) return;
    const known = NOT_YET.get(field);
    if (known === undefined) {
      const read = this.read(field, value, path);
      if (read !== undefined) out[key] = read;
      return;
    }
    const { line, column } = this.#source.position(this.#source.keyOffset(path));
    const place = { file: this.#source.fileName, line, column, path: formatPath(path) };
    this.#unsupported.push({ ...place, means: known.means });
  }

  #tooLarge(path: Path): boolean {
    if (this.gaveUp) return true;
    this.#values++;
    if (path.length <= DEPTH_MAX && this.#values <= VALUES_MAX) return false;
    this.gaveUp = true;
    const limit = path.length > DEPTH_MAX ? `${DEPTH_MAX} levels` : `${VALUES_MAX} values`;
    this.#source.report(path.slice(0, 1), `more than ${limit} once aliases are followed`);
    return true;
  }
}

const ANYTHING = z.unknown();

/** The schema behind defaults, optionals and transforms: the one for what stands in the file. */
function unwrap(schema: z.ZodType): z.ZodType {
  let at: z.ZodType = schema;
  for (;;) {
    if (at instanceof z.ZodPipe) at = at.in as z.ZodType;
    else if (
      at instanceof z.ZodOptional ||
      at instanceof z.ZodDefault ||
      at instanceof z.ZodPrefault ||
      at instanceof z.ZodReadonly
    )
      at = at.unwrap() as z.ZodType;
    else return at;
  }
}

/** Of a value that may be written in several ways, the one that the node is: a text, a list or a mapping. */
function optionFor(schema: z.ZodType, node: Node): z.ZodType {
  if (!(schema instanceof z.ZodUnion)) return schema;
  const options = schema.options.map((option) => unwrap(option as z.ZodType));
  const fits = (option: z.ZodType): boolean => {
    const isList = option instanceof z.ZodArray;
    const isMapping = option instanceof z.ZodObject || option instanceof z.ZodRecord;
    return isSeq(node) ? isList : isMap(node) ? isMapping : !isList && !isMapping;
  };
  return options.find(fits) ?? ANYTHING;
}

function readScalar(schema: z.ZodType, node: Scalar): unknown {
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum)
    return typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
  if (schema instanceof z.ZodBoolean && node.type === "PLAIN") {
    // YAML 1.1's words, which Prometheus reads as well.
    if (/^(?:yes|on)$/i.test(node.source ?? "")) return true;
    if (/^(?:no|off)$/i.test(node.source ?? "")) return false;
  }
  return node.value;
}

/** Where a key is misspelled, what follows from its absence is not reported as well. */
function reportIssue(
  source: YamlSource,
  base: Path,
  issue: z.core.$ZodIssue,
  misspelledIn: ReadonlySet<string>,
): void {
  const below = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  const path = [...base, ...below];
  const node = source.nodeAt(path);
  const holder = node === undefined ? path.slice(0, -1) : path;
  const follows = node === undefined || issue.code === "custom";
  if (follows && misspelledIn.has(formatPath(holder))) return;
  if (issue.code === "invalid_key")
    source.reportKey(path, issue.issues[0]?.message ?? issue.message);
  else source.report(path, issueText(issue, node));
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

function issueText(issue: z.core.$ZodIssue, node: Node | undefined): string {
  switch (issue.code) {
    case "invalid_type": {
      const expected = EXPECTED[issue.expected] ?? issue.expected;
      const missing = node === undefined || (isScalar(node) && node.value === null);
      return missing
        ? `is missing; expected ${expected}`
        : `expected ${expected}, got ${describeNode(node)}`;
    }
    case "invalid_value": {
      const known = issue.values.map(String);
      const got = isScalar(node) ? String(node.source ?? node.value) : undefined;
      const nearest = got === undefined ? undefined : nearestName(got, known);
      const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
      return `${describeNode(node)} is not one of ${known.join(", ")}${hint}`;
    }
    case "too_small":
      if (issue.origin === "string" || issue.origin === "array") return "must not be empty";
      return `must be at least ${issue.minimum}, got ${describeNode(node)}`;
    case "too_big":
      return `must be at most ${issue.maximum}, got ${describeNode(node)}`;
    case "invalid_union":
      return unionText(issue, node);
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "invalid_key":
    case "not_multiple_of":
    case "unrecognized_keys":
      return issue.message;
  }
}

/** Of what is wrong with each way to write a value, that of the way it is written in. */
function unionText(issue: z.core.$ZodIssueInvalidUnion, node: Node | undefined): string {
  const expected: string[] = [];
  for (const [first] of issue.errors) {
    if (first?.code !== "invalid_type" || first.path.length > 0)
      return first === undefined ? issue.message : issueText(first, node);
    expected.push(EXPECTED[first.expected] ?? first.expected);
  }
  return `expected ${expected.join(" or ")}, got ${describeNode(node)}`;
}

/**
 * The document without comments and with `<secret>` for whatever `schema` calls secret. Under keys that are not
 * supported yet, and so not described, a key's name decides.
 */
export function withoutSecrets(source: YamlSource, schema: z.ZodType): string {
  const document = source.document?.clone();
  if (document === undefined) return "";
  document.commentBefore = null;
  document.comment = null;
  redact(document.contents as Node | null, schema, "");
  return document.toString({ lineWidth: 0 }).replace(/(:\/\/[^\s/:@]*:)[^\s/@]+@/g, "$1<secret>@");
}

const SECRET_KEY =
  /(?:password|secret|token|credentials|authorization|(?:secret|access|routing|service|user|api|private)_key|(?:api|webhook)_url)s?$/i;

function redact(node: Node | null, schema: z.ZodType, key: string): void {
  if (node === null) return;
  node.comment = null;
  node.commentBefore = null;
  if (isScalar(node) && node.value !== null) {
    const undescribed = schema === ANYTHING || NOT_YET.has(schema);
    const mask = maskOf(schema) ?? (undescribed && SECRET_KEY.test(key) ? MASK : undefined);
    if (mask === undefined) return;
    node.value = mask;
    node.type = "PLAIN";
    return;
  }
  const inner = NOT_YET.has(schema) ? ANYTHING : optionFor(unwrap(schema), node);
  if (isSeq(node)) {
    const element = inner instanceof z.ZodArray ? (inner.element as z.ZodType) : ANYTHING;
    for (const item of node.items) redact(item as Node | null, element, key);
  }
  if (!isMap(node)) return;
  for (const pair of node.items) {
    const name = keyText(pair);
    const keyNode = pair.key as Node;
    keyNode.comment = null;
    keyNode.commentBefore = null;
    redact(pair.value as Node | null, fieldOf(inner, name), name);
  }
}

/** Undefined for what is no secret. */
function maskOf(schema: z.ZodType): string | undefined {
  const mask = SECRET.get(schema);
  if (mask !== undefined || !(schema instanceof z.ZodOptional)) return mask;
  return maskOf(schema.unwrap() as z.ZodType);
}

function fieldOf(schema: z.ZodType, name: string): z.ZodType {
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  if (!(schema instanceof z.ZodObject)) return ANYTHING;
  const shape = schema.shape as Readonly<Record<string, z.ZodType>>;
  return (Object.hasOwn(shape, name) ? shape[name] : undefined) ?? ANYTHING;
}
