import { assert } from "@pharos/base";
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  visit,
} from "yaml";
import type { Diagnostic } from "./diagnostics.ts";

/** Keys and indices from the root of a document. */
export type Path = readonly (string | number)[];

/** A configuration file may have so many characters at most. */
export const CONFIG_LENGTH_MAX = 16 * 1024 * 1024;

/** A file may use so many aliases. */
export const ALIASES_MAX = 1000;

/** How many merge keys (`<<`) may lead to each other: what ends one that leads to itself. */
export const MERGE_DEPTH_MAX = 16;

/** A YAML file with the place of everything in it, and the list of what is wrong with it. */
export class YamlSource {
  readonly fileName: string;
  readonly text: string;
  readonly document: Document.Parsed | undefined;
  readonly diagnostics: Diagnostic[] = [];
  readonly #lines: LineCounter;

  /** Never throws: what is no YAML is in `diagnostics`, and `document` is undefined then, or if the file is empty. */
  constructor(text: string, fileName: string) {
    this.fileName = fileName;
    this.text = text;
    this.#lines = new LineCounter();
    this.document = this.#parse();
  }

  #parse(): Document.Parsed | undefined {
    if (this.text.length > CONFIG_LENGTH_MAX) {
      const size = `${this.text.length} characters; at most ${CONFIG_LENGTH_MAX} are allowed`;
      this.reportAt(0, [], `the file has ${size}`);
      return undefined;
    }
    const documents = parseAllDocuments(this.text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: true,
    });
    if (!Array.isArray(documents)) return undefined;
    const [first, second] = documents as Document.Parsed[];
    for (const { message, pos } of first?.errors ?? [])
      this.reportAt(pos[0], [], yamlProblem(message));
    if (second !== undefined)
      this.reportAt(second.range[0], [], "a second document; a configuration file holds one");
    if (first !== undefined && this.diagnostics.length === 0) this.#checkAliases(first);
    return this.diagnostics.length > 0 || first?.contents == null ? undefined : first;
  }

  #checkAliases(document: Document.Parsed): void {
    let count = 0;
    visit(document, {
      Alias: (_key, alias) => {
        const offset = alias.range?.[0] ?? 0;
        count++;
        // Each alias is looked up from the start of the document.
        if (count > ALIASES_MAX) {
          this.reportAt(offset, [], `more than ${ALIASES_MAX} aliases`);
          return visit.BREAK;
        }
        if (alias.resolve(document) === undefined)
          this.reportAt(offset, [], `the alias *${alias.source} has no anchor before it`);
        return undefined;
      },
    });
  }

  /** Reports what is wrong with the value at `path`, or with what holds it where it is missing. */
  report(path: Path, message: string): void {
    this.reportAt(this.#offsetOf(path), path, message);
  }

  /** Reports what is wrong with the key at the end of `path`. */
  reportKey(path: Path, message: string): void {
    this.reportAt(this.keyOffset(path), path, message);
  }

  reportAt(offset: number, path: Path, message: string): void {
    const { line, column } = this.position(offset);
    const sourceLine = (this.text.split("\n", line)[line - 1] ?? "").replace(/\r$/, "");
    const at = { file: this.fileName, line, column, path: formatPath(path) };
    this.diagnostics.push({ ...at, message, sourceLine });
  }

  position(offset: number): { readonly line: number; readonly column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return line === 0 ? { line: 1, column: 1 } : { line, column: col };
  }

  /** Where the key at the end of `path` stands, or what is nearest to it. */
  keyOffset(path: Path): number {
    return this.#keyStart(path) ?? this.#offsetOf(path);
  }

  #keyStart(path: Path): number | undefined {
    const parent = this.nodeAt(path.slice(0, -1));
    if (path.length === 0 || !isMap(parent)) return undefined;
    const pair = parent.items.find((item) => keyText(item) === String(path.at(-1)));
    return (pair?.key as Node | undefined)?.range?.[0];
  }

  #offsetOf(path: Path): number {
    for (let length = path.length; length >= 0; length--) {
      const node = this.nodeAt(path.slice(0, length));
      const [start, end] = node?.range ?? [];
      if (start === undefined) continue;
      // A key without a value has an empty node behind the colon: the key is the better place.
      return (start === end ? this.#keyStart(path.slice(0, length)) : undefined) ?? start;
    }
    return 0;
  }

  /** The node at `path`, aliases and merge keys followed; undefined where there is none. */
  nodeAt(path: Path): Node | undefined {
    let node = this.resolve(this.document?.contents ?? undefined);
    for (const key of path) {
      if (isMap(node)) node = this.resolve(this.#valueOf(node, String(key)));
      else if (isSeq(node)) node = this.resolve(node.items[Number(key)] as Node | undefined);
      else return undefined;
    }
    return node;
  }

  #valueOf(map: Node, key: string, mergeDepth = 0): Node | undefined {
    if (!isMap(map) || mergeDepth > MERGE_DEPTH_MAX) return undefined;
    for (const item of map.items) if (keyText(item) === key) return item.value as Node;
    for (const item of map.items)
      if (isMergeKey(item))
        for (const merged of this.mergedMaps(item)) {
          const value = this.#valueOf(merged, key, mergeDepth + 1);
          if (value !== undefined) return value;
        }
    return undefined;
  }

  /** The maps that `<<: *base` or `<<: [*a, *b]` names. */
  mergedMaps(pair: Pair): readonly Node[] {
    const value = this.resolve(pair.value as Node | undefined);
    if (isMap(value)) return [value];
    if (!isSeq(value)) return [];
    return value.items.flatMap((item) => this.resolve(item as Node) ?? []).filter(isMap);
  }

  /** What an alias stands for; any other node as it is. */
  resolve(node: Node | undefined): Node | undefined {
    if (!isAlias(node)) return node ?? undefined;
    assert(this.document !== undefined, "an alias belongs to a document");
    return node.resolve(this.document) ?? undefined;
  }

  /**
   * Where character `index` of a scalar's value stands in the file; undefined where the notation (escapes, folded
   * lines) does not let us say.
   */
  offsetInScalar(node: Scalar, index: number): number | undefined {
    const [start = 0, end = 0] = node.range ?? [];
    const written = this.text.slice(start, end);
    const value = String(node.value);
    if (node.type === "PLAIN" && written === value) return start + index;
    if (node.type === "QUOTE_SINGLE" || node.type === "QUOTE_DOUBLE")
      return written.slice(1, -1) === value ? start + 1 + index : undefined;
    if (node.type !== "BLOCK_LITERAL" && node.type !== "BLOCK_FOLDED") return undefined;
    const lines = written.split("\n").slice(1);
    const indent = /^ */.exec(lines.find((line) => line.trim() !== "") ?? "")?.[0].length ?? 0;
    const unindented = lines.map((line) => line.slice(indent)).join("\n");
    const shared = node.type === "BLOCK_LITERAL" ? unindented : unindented.replace(/\n(?=.)/g, " ");
    if (!shared.startsWith(value.trimEnd())) return undefined;
    const line = unindented.slice(0, index).split("\n").length - 1;
    return start + written.indexOf("\n") + 1 + index + indent * (line + 1);
  }
}

/** `scrape_configs[0].static_configs[1].labels["a.b"]`. */
export function formatPath(path: Path): string {
  let out = "";
  for (const part of path) {
    if (typeof part === "number") out += `[${part}]`;
    else if (!/^[\w-]+$/.test(part)) out += `[${JSON.stringify(part)}]`;
    else out += out === "" ? part : `.${part}`;
  }
  return out;
}

const PATH_PART = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.[\]]+)/g;

/** The path that `formatPath` has written. */
export function parsePath(text: string): Path {
  return Array.from(text.matchAll(PATH_PART), ([, index, quoted, plain = ""]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? plain : String(JSON.parse(quoted));
  });
}

export function keyText(pair: Pair): string {
  const key = pair.key;
  if (!isScalar(key)) return "";
  return typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
}

export function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.value === "<<" && pair.key.type === "PLAIN";
}

/** What a node is, for a message: "a list", "a mapping", `"abc"`. */
export function describeNode(node: Node | undefined): string {
  if (isMap(node)) return "a mapping";
  if (isSeq(node)) return "a list";
  if (isScalar(node) && node.value !== null)
    return typeof node.value === "string" ? JSON.stringify(node.value) : String(node.source);
  return "nothing";
}

function yamlProblem(message: string): string {
  if (message.startsWith("Tabs are not allowed"))
    return "a tab is used for indentation; YAML allows only spaces";
  if (message.startsWith("Map keys must be unique")) return "this key is already there";
  if (message.startsWith("Maximum call stack size")) return "nested too deeply";
  return `not valid YAML: ${message.replace(/ at line \d+, column \d+:?[\s\S]*$/, "")}`;
}
