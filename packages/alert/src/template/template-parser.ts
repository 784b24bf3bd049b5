import type { Command, Node, Operand, Pipeline } from "./template-ast.ts";
import { type Piece, splitTemplate, TemplateSyntaxError, type Token } from "./template-lexer.ts";

/** How deep blocks and parentheses may nest. */
export const TEMPLATE_DEPTH_MAX = 50;

export interface ParsedTemplate {
  readonly text: string;
  readonly body: readonly Node[];
  /** What `define` names. */
  readonly definitions: ReadonlyMap<string, readonly Node[]>;
  /** Calls that fail when the template is expanded, since what they need is not there yet. */
  readonly unsupported: readonly UnsupportedCall[];
}

export interface UnsupportedCall {
  readonly name: string;
  /** In UTF-16 units, from 0. */
  readonly offset: number;
}

export interface TemplateNames {
  /** Variables that are there from the start, with their `$`. */
  readonly variables: readonly string[];
  readonly isFunction: (name: string) => boolean;
  /** Functions that are known but not there yet, which deserves a better message than "not defined". */
  readonly isUnsupported: (name: string) => boolean;
  /** Whether a word that stands where a value may, and names no function, is a label: `{{ host }}`. */
  readonly bareWords: boolean;
  /** How long the text may be, in UTF-16 units; `TEMPLATE_LENGTH_MAX` unless told. */
  readonly lengthMax?: number;
}

/** @throws TemplateSyntaxError */
export function parseTemplateText(text: string, names: TemplateNames): ParsedTemplate {
  return new Parser(text, names).parse();
}

/** What ended a list of nodes. */
interface End {
  readonly word: "end" | "else" | "";
  readonly cursor: Cursor | undefined;
}

class Parser {
  readonly #text: string;
  readonly #names: TemplateNames;
  readonly #pieces: readonly Piece[];
  readonly #definitions = new Map<string, readonly Node[]>();
  readonly #unsupported: UnsupportedCall[] = [];
  #variables: string[];
  #next = 0;
  #depth = 0;
  #rangeDepth = 0;

  constructor(text: string, names: TemplateNames) {
    this.#text = text;
    this.#names = names;
    this.#pieces = splitTemplate(text, names.lengthMax);
    this.#variables = ["$", ...names.variables];
  }

  parse(): ParsedTemplate {
    const { nodes, end } = this.#parseList();
    if (end.word !== "") throw this.#error(end.cursor?.offset ?? 0, `unexpected {{${end.word}}}`);
    return {
      text: this.#text,
      body: nodes,
      definitions: this.#definitions,
      unsupported: this.#unsupported,
    };
  }

  #error(offset: number, reason: string): TemplateSyntaxError {
    return new TemplateSyntaxError(this.#text, offset, reason);
  }

  #parseList(): { nodes: Node[]; end: End } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#next++];
      if (piece === undefined) return { nodes, end: { word: "", cursor: undefined } };
      if (piece.kind === "text") {
        nodes.push(piece);
        continue;
      }
      const cursor = new Cursor(this.#text, piece.tokens, piece.offset);
      const first = cursor.peek();
      const word = first.kind === "word" ? first.text : "";
      switch (word) {
        case "end":
          cursor.take();
          cursor.expectEnd("end");
          return { nodes, end: { word: "end", cursor } };
        case "else":
          cursor.take();
          return { nodes, end: { word: "else", cursor } };
        case "if":
        case "with":
        case "range":
          cursor.take();
          nodes.push(this.#parseBlock(word, cursor));
          break;
        case "define":
        case "block":
          cursor.take();
          this.#parseDefinition(word, cursor, nodes);
          break;
        case "template":
          cursor.take();
          nodes.push(this.#parseCall(cursor));
          break;
        case "break":
        case "continue":
          cursor.take();
          cursor.expectEnd(word);
          if (this.#rangeDepth === 0)
            throw this.#error(cursor.offset, `{{${word}}} outside {{range}}`);
          nodes.push({ kind: word });
          break;
        default: {
          const pipeline = this.#parsePipeline(cursor, "command");
          cursor.expectEnd("command");
          nodes.push({ kind: "action", pipeline });
        }
      }
    }
  }

  #parseBlock(kind: "if" | "with" | "range", cursor: Cursor): Node {
    this.#enter(cursor.offset);
    const scope = this.#variables.length;
    const pipeline = this.#parsePipeline(cursor, kind);
    cursor.expectEnd(kind);
    if (kind === "range") this.#rangeDepth++;
    const { nodes: body, end } = this.#parseList();
    if (kind === "range") this.#rangeDepth--;
    let otherwise: readonly Node[] = [];
    if (end.word === "") throw this.#error(cursor.offset, `{{${kind}}} without {{end}}`);
    if (end.word === "else" && end.cursor !== undefined)
      otherwise = this.#parseElse(kind, end.cursor);
    this.#variables.length = scope;
    this.#depth--;
    return { kind, pipeline, body, otherwise };
  }

  #parseElse(kind: "if" | "with" | "range", cursor: Cursor): readonly Node[] {
    const chained = cursor.peek();
    if (chained.kind === "word" && chained.text === kind && kind !== "range") {
      cursor.take();
      return [this.#parseBlock(kind, cursor)];
    }
    cursor.expectEnd("else");
    const { nodes, end } = this.#parseList();
    if (end.word !== "end")
      throw this.#error(
        end.cursor?.offset ?? cursor.offset,
        end.word === "else" ? "expected end; found {{else}}" : "{{else}} without {{end}}",
      );
    return nodes;
  }

  #parseDefinition(kind: "define" | "block", cursor: Cursor, nodes: Node[]): void {
    this.#enter(cursor.offset);
    const name = cursor.take();
    if (name.kind !== "string")
      throw this.#error(name.offset, `{{${kind}}} needs a name in quotes`);
    const argument = kind === "block" ? this.#parsePipeline(cursor, kind) : undefined;
    cursor.expectEnd(kind);
    const outer = this.#variables;
    const outerRangeDepth = this.#rangeDepth;
    this.#variables = ["$"];
    this.#rangeDepth = 0;
    const { nodes: body, end } = this.#parseList();
    this.#variables = outer;
    this.#rangeDepth = outerRangeDepth;
    if (end.word !== "end") throw this.#error(cursor.offset, `{{${kind}}} without {{end}}`);
    this.#definitions.set(name.text, body);
    if (kind === "block")
      nodes.push({ kind: "template", name: name.text, argument, offset: cursor.offset });
    this.#depth--;
  }

  #parseCall(cursor: Cursor): Node {
    const name = cursor.take();
    if (name.kind !== "string")
      throw this.#error(name.offset, "{{template}} needs a name in quotes");
    const argument =
      cursor.peek().kind === "end" ? undefined : this.#parsePipeline(cursor, "template");
    cursor.expectEnd("template");
    return { kind: "template", name: name.text, argument, offset: cursor.offset };
  }

  #enter(offset: number): void {
    if (++this.#depth > TEMPLATE_DEPTH_MAX)
      throw this.#error(offset, `nested deeper than ${TEMPLATE_DEPTH_MAX} levels`);
  }

  #parsePipeline(cursor: Cursor, context: string): Pipeline {
    const { offset } = cursor.peek();
    const { variables, assigns } = this.#parseVariables(cursor, context);
    const commands: Command[] = [];
    do {
      commands.push(this.#parseCommand(cursor, context, commands.length));
    } while (cursor.takeSymbol("|"));
    if (!assigns) this.#variables.push(...variables);
    return { variables, assigns, commands, offset };
  }

  #parseVariables(
    cursor: Cursor,
    context: string,
  ): { variables: readonly string[]; assigns: boolean } {
    const names: string[] = [];
    const start = cursor.mark();
    while (cursor.peek().kind === "variable") {
      const variable = cursor.take();
      names.push(variable.text);
      const operator = cursor.peek();
      if (operator.kind !== "symbol") break;
      if (operator.text === "," && context === "range" && names.length === 1) {
        cursor.take();
        continue;
      }
      if (operator.text !== ":=" && operator.text !== "=") break;
      cursor.take();
      const assigns = operator.text === "=";
      if (assigns)
        for (const name of names)
          if (!this.#variables.includes(name))
            throw this.#error(variable.offset, `undefined variable "${name}"`);
      return { variables: names, assigns };
    }
    cursor.reset(start);
    return { variables: [], assigns: false };
  }

  #parseCommand(cursor: Cursor, context: string, index: number): Command {
    const { offset } = cursor.peek();
    const operands: Operand[] = [];
    for (;;) {
      const token = cursor.peek();
      if (
        token.kind === "end" ||
        (token.kind === "symbol" && (token.text === "|" || token.text === ")"))
      )
        break;
      if (operands.length > 0 && !token.spaced && token.text !== "(")
        throw this.#error(token.offset, `unexpected ${JSON.stringify(token.text)} in operand`);
      operands.push(this.#parseOperand(cursor, operands.length === 0));
    }
    const [first] = operands;
    if (first === undefined)
      throw this.#error(
        offset,
        index === 0 ? `missing value for ${context}` : "missing command after |",
      );
    if (first.kind === "nil") throw this.#error(offset, "nil is not a command");
    const isCall = first.kind === "function" || ("path" in first && first.path.length > 0);
    if (index > 0 && !isCall) throw this.#error(offset, "what follows | must be a function");
    const source = this.#text.slice(offset, cursor.lastEnd);
    return { operands: this.#checkCommand(operands, offset, index), offset, source };
  }

  /** A word that stands alone and names no function is a label; with arguments it must be a function. */
  #checkCommand(operands: Operand[], offset: number, index: number): Operand[] {
    if (!this.#names.bareWords) {
      this.#checkFunctions(operands, offset);
      return operands;
    }
    const [first] = operands;
    if (first?.kind === "function") {
      const alone = operands.length === 1 && index === 0;
      if (alone && (first.name === "value" || !this.#names.isFunction(first.name))) {
        if (!this.#names.isUnsupported(first.name)) return [{ kind: "label", name: first.name }];
      }
    }
    for (const [at, operand] of operands.entries()) {
      if (operand.kind !== "function") continue;
      if (this.#names.isUnsupported(operand.name)) {
        this.#unsupported.push({ name: operand.name, offset });
        continue;
      }
      const isLabel = operand.name === "value" && at > 0;
      if (!isLabel && this.#names.isFunction(operand.name)) continue;
      if (at === 0) throw this.#error(offset, `function "${operand.name}" not defined`);
      operands[at] = { kind: "label", name: operand.name };
    }
    return operands;
  }

  #checkFunctions(operands: readonly Operand[], offset: number): void {
    for (const operand of operands)
      if (operand.kind === "function" && !this.#names.isFunction(operand.name))
        throw this.#error(offset, `function "${operand.name}" not defined`);
  }

  #parseOperand(cursor: Cursor, first: boolean): Operand {
    const token = cursor.take();
    switch (token.kind) {
      case "string":
        return { kind: "string", value: token.text };
      case "char":
        return { kind: "int", value: token.text.codePointAt(0) ?? 0 };
      case "number":
        return this.#parseNumber(token);
      case "word":
        if (token.text === "true" || token.text === "false")
          return { kind: "bool", value: token.text === "true" };
        if (token.text === "nil") return { kind: "nil" };
        return this.#parseWord(token, cursor);
      case "dot":
        return { kind: "field", path: [] };
      case "field":
        return { kind: "field", path: [token.text, ...cursor.takeFields()] };
      case "variable":
        if (!this.#variables.includes(token.text))
          throw this.#error(token.offset, `undefined variable "${token.text}"`);
        return { kind: "variable", name: token.text, path: cursor.takeFields() };
      case "symbol":
        if (token.text === "(") {
          this.#enter(token.offset);
          const pipeline = this.#parsePipeline(cursor, "parenthesized pipeline");
          if (!cursor.takeSymbol(")")) throw this.#error(token.offset, "unclosed left parenthesis");
          this.#depth--;
          return { kind: "pipeline", pipeline, path: cursor.takeFields() };
        }
        throw this.#error(
          token.offset,
          `unexpected ${JSON.stringify(token.text)} in ${first ? "command" : "operand"}`,
        );
      case "end":
        throw this.#error(token.offset, "missing value");
    }
  }

  /** `now`, or `now.Unix`: what a function without arguments gives has fields as well. */
  #parseWord({ text: name, offset }: Token, cursor: Cursor): Operand {
    const word = { kind: "function", name } as const;
    const path = this.#names.isFunction(name) ? cursor.takeFields() : [];
    if (path.length === 0) return word;
    const command = { operands: [word], offset, source: name };
    return {
      kind: "pipeline",
      pipeline: { variables: [], assigns: false, commands: [command], offset },
      path,
    };
  }

  #parseNumber(token: Token): Operand {
    const text = token.text.replaceAll("_", "");
    const negative = text.startsWith("-");
    const value = Number(text.replace(/^[+-]/, "")) * (negative ? -1 : 1);
    if (Number.isNaN(value)) throw this.#error(token.offset, `bad number syntax: "${token.text}"`);
    const isInt = Number.isInteger(value) && !/^[+-]?(?!0[xX])\S*[.eE]/.test(text);
    return isInt ? { kind: "int", value } : { kind: "float", value };
  }
}

/** Walks the tokens of one action. */
class Cursor {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly offset: number;
  #at = 0;

  constructor(text: string, tokens: readonly Token[], offset: number) {
    this.#text = text;
    this.#tokens = tokens;
    this.offset = offset;
  }

  /** The last token is always an "end", which is never passed. */
  peek(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }

  mark(): number {
    return this.#at;
  }

  reset(mark: number): void {
    this.#at = mark;
  }

  get lastEnd(): number {
    return this.#tokens[this.#at - 1]?.end ?? this.offset;
  }

  takeSymbol(text: string): boolean {
    const token = this.peek();
    if (token.kind !== "symbol" || token.text !== text) return false;
    this.#at++;
    return true;
  }

  /** The `.b.c` that follows `.a` without a space. */
  takeFields(): string[] {
    const path: string[] = [];
    for (;;) {
      const token = this.peek();
      if (token.kind !== "field" || token.spaced) return path;
      path.push(token.text);
      this.#at++;
    }
  }

  expectEnd(context: string): void {
    const token = this.peek();
    if (token.kind !== "end")
      throw new TemplateSyntaxError(
        this.#text,
        token.offset,
        `unexpected ${JSON.stringify(token.text)} in ${context}`,
      );
  }
}
