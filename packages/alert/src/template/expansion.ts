import { assert, errorText, OperatingError } from "@pharos/base";
import { callMethod, memberOf } from "./members.ts";
import type { Command, Node, Operand, Pipeline } from "./template-ast.ts";
import { TemplateCallError, type TemplateFunction } from "./template-functions.ts";
import { lineAndColumn } from "./template-lexer.ts";
import { formatGoValue, int, isTrue, sortedEntries, typeName, type Value } from "./value.ts";

/** How long an expanded text may be, in UTF-16 units. */
export const EXPANSION_LENGTH_MAX = 256 * 1024;
/** How many nodes and calls one expansion may take: nested `range` multiplies. */
export const EXPANSION_STEPS_MAX = 100_000;
/** What one expansion may take. */
export interface ExpansionLimits {
  readonly lengthMax: number;
  readonly stepsMax: number;
}

/** How deep `template` may call itself. */
const CALL_DEPTH_MAX = 100;
/** How deep blocks may be in each other, those of called templates counted: the stack of the machine ends somewhere. */
const NESTING_MAX = 1000;

/** A text with templates in it, for error messages. */
export interface TemplateSource {
  /** Of the file; "" for a text that is alone. */
  readonly name: string;
  readonly text: string;
}

/** What `template` calls by name. */
export interface Definition {
  readonly source: TemplateSource;
  readonly body: readonly Node[];
}

/** Makes values safe for where they stand in the text. */
export interface Escaper {
  /** Told of each piece of the template itself, in order; gives what is written of it. */
  literal(text: string): string;
  value(value: Value): string;
}

export interface ExpansionSetup<Context> {
  readonly main: Definition;
  readonly definitions: ReadonlyMap<string, Definition>;
  /** `.` and `$`. */
  readonly root: Value;
  /** Names with their `$`. */
  readonly variables: readonly (readonly [name: string, value: Value])[];
  readonly functions: ReadonlyMap<string, TemplateFunction<Context>>;
  /** Functions that fail where they are called. */
  readonly unsupported: ReadonlySet<string>;
  readonly context: Context;
  /** What a word that names no function is; only where the parser let such words through. */
  readonly bareWord: (name: string) => Value;
  readonly limits: ExpansionLimits;
  /** Absent for plain text. */
  readonly escaper?: Escaper;
}

export function unsupportedText(name: string): string {
  return `function "${name}" is not supported yet`;
}

type Flow = "next" | "break" | "continue";

/** One run of a template over its data. Used once. */
export class Expansion<Context> {
  readonly #setup: ExpansionSetup<Context>;
  /** Where the nodes that are walked come from: `template` goes to other files and back. */
  #source: TemplateSource;
  #variables: [name: string, value: Value][];
  #out = "";
  #stepCount = 0;
  #callDepth = 0;
  #nesting = 0;

  constructor(setup: ExpansionSetup<Context>) {
    this.#setup = setup;
    this.#source = setup.main.source;
    this.#variables = [["$", setup.root]];
    for (const [name, value] of setup.variables) this.#variables.push([name, value]);
  }

  /** @throws OperatingError `input.invalid` */
  run(): string {
    const { main, root } = this.#setup;
    this.#walk(main.body, root);
    return this.#out;
  }

  #fail(offset: number, source: string, reason: string): OperatingError {
    const { name, text } = this.#source;
    const { line, column } = lineAndColumn(text, offset);
    const file = name === "" ? "" : `${name}:`;
    const at = source === "" ? "" : `at <${source}>: `;
    return new OperatingError("input.invalid", `${file}${line}:${column}: ${at}${reason}`);
  }

  #step(): void {
    const { stepsMax } = this.#setup.limits;
    if (++this.#stepCount > stepsMax) throw this.#fail(0, "", `more than ${stepsMax} steps`);
  }

  /** `literal` is text of the template itself, which needs no escaping. */
  #write(text: string, literal: boolean): void {
    this.#out += literal ? (this.#setup.escaper?.literal(text) ?? text) : text;
    const { lengthMax } = this.#setup.limits;
    if (this.#out.length > lengthMax)
      throw this.#fail(0, "", `more than ${lengthMax} characters of text`);
  }

  #walk(nodes: readonly Node[], dot: Value): Flow {
    if (++this.#nesting > NESTING_MAX)
      throw this.#fail(0, "", `nested deeper than ${NESTING_MAX} levels`);
    let flow: Flow = "next";
    for (const node of nodes) {
      flow = this.#walkNode(node, dot);
      if (flow !== "next") break;
    }
    this.#nesting--;
    return flow;
  }

  #walkNode(node: Node, dot: Value): Flow {
    this.#step();
    switch (node.kind) {
      case "text":
        this.#write(node.text, true);
        return "next";
      case "action": {
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0)
          this.#write(this.#setup.escaper?.value(value) ?? formatGoValue(value), false);
        return "next";
      }
      case "if":
      case "with":
        return this.#scoped(() => {
          const value = this.#pipeline(node.pipeline, dot);
          const inner = node.kind === "with" ? value : dot;
          return isTrue(value) ? this.#walk(node.body, inner) : this.#walk(node.otherwise, dot);
        });
      case "range":
        return this.#scoped(() => this.#range(node, dot));
      case "template":
        this.#call(node.name, node.argument, node.offset, dot);
        return "next";
      case "break":
      case "continue":
        return node.kind;
    }
  }

  #scoped(work: () => Flow): Flow {
    const size = this.#variables.length;
    const flow = work();
    this.#variables.length = size;
    return flow;
  }

  #range(node: Extract<Node, { kind: "range" }>, dot: Value): Flow {
    const { variables, assigns } = node.pipeline;
    const over = this.#commands(node.pipeline, dot);
    const pairs = this.#pairsOf(over, node.pipeline);
    if (pairs.length === 0) return this.#walk(node.otherwise, dot);
    for (const [key, value] of pairs) {
      this.#step();
      const flow = this.#scoped(() => {
        const [first, second] = variables;
        if (first !== undefined)
          this.#setVariable(first, second === undefined ? value : key, assigns);
        if (second !== undefined) this.#setVariable(second, value, assigns);
        return this.#walk(node.body, value);
      });
      if (flow === "break") break;
    }
    return "next";
  }

  #pairsOf(value: Value, pipeline: Pipeline): readonly (readonly [Value, Value])[] {
    if (typeof value === "object" && value !== null) {
      if (value.kind === "map") return sortedEntries(value);
      if (value.kind === "list") return value.items.map((item, i) => [int(i), item]);
      if (value.kind === "int") {
        const { stepsMax } = this.#setup.limits;
        if (value.value > stepsMax)
          throw this.#fail(pipeline.offset, "", `more than ${stepsMax} steps`);
        return Array.from({ length: Math.max(0, value.value) }, (_, i) => [int(i), int(i)]);
      }
    }
    if (value === null) return [];
    throw this.#fail(pipeline.offset, "", `range can't iterate over ${formatGoValue(value)}`);
  }

  #call(name: string, argument: Pipeline | undefined, offset: number, dot: Value): void {
    this.#expand(name, argument === undefined ? null : this.#pipeline(argument, dot), offset);
  }

  /** Prometheus's `tmpl`: as `template`, with a name that is computed, as a value. */
  #textOf(args: readonly Value[], command: Command): Value {
    const [name, value] = args;
    if (typeof name !== "string" || value === undefined || args.length > 2)
      throw this.#fail(command.offset, command.source, "tmpl wants a name and a value");
    const outer = this.#out;
    this.#out = "";
    this.#expand(name, value, command.offset);
    const text = this.#out;
    this.#out = outer;
    return text;
  }

  #expand(name: string, value: Value, offset: number): void {
    const definition = this.#setup.definitions.get(name);
    if (definition === undefined)
      throw this.#fail(offset, "", `template ${JSON.stringify(name)} not defined`);
    if (++this.#callDepth > CALL_DEPTH_MAX)
      throw this.#fail(
        offset,
        "",
        `templates call each other deeper than ${CALL_DEPTH_MAX} levels`,
      );
    const outer = { variables: this.#variables, source: this.#source };
    this.#variables = [["$", value]];
    this.#source = definition.source;
    this.#walk(definition.body, value);
    this.#variables = outer.variables;
    this.#source = outer.source;
    this.#callDepth--;
  }

  #pipeline(pipeline: Pipeline, dot: Value): Value {
    const value = this.#commands(pipeline, dot);
    for (const name of pipeline.variables) this.#setVariable(name, value, pipeline.assigns);
    return value;
  }

  #commands(pipeline: Pipeline, dot: Value): Value {
    let value: Value | undefined;
    for (const command of pipeline.commands) value = this.#command(command, dot, value);
    assert(value !== undefined, "a pipeline has a command");
    return value;
  }

  #setVariable(name: string, value: Value, assigns: boolean): void {
    if (!assigns) {
      this.#variables.push([name, value]);
      return;
    }
    const entry = this.#variables.findLast(([other]) => other === name);
    assert(entry !== undefined, () => `the parser has seen ${name}`);
    entry[1] = value;
  }

  #command(command: Command, dot: Value, piped: Value | undefined): Value {
    this.#step();
    const [first, ...rest] = command.operands;
    assert(first !== undefined, "a command has an operand");
    if (first.kind !== "function") {
      if (rest.length === 0 && piped === undefined) return this.#operand(first, dot, command);
      return this.#callMethod(first, rest, dot, command, piped);
    }
    if (first.name === "and" || first.name === "or")
      return this.#logic(first.name, rest, dot, command, piped);
    const args = rest.map((operand) => this.#operand(operand, dot, command));
    if (piped !== undefined) args.push(piped);
    return this.#apply(first.name, args, command);
  }

  #logic(
    name: "and" | "or",
    operands: readonly Operand[],
    dot: Value,
    command: Command,
    piped: Value | undefined,
  ): Value {
    let value: Value | undefined;
    for (const operand of operands) {
      value = this.#operand(operand, dot, command);
      if (isTrue(value) === (name === "or")) return value;
    }
    value = piped ?? value;
    if (value === undefined)
      throw this.#fail(
        command.offset,
        command.source,
        `wrong number of args for ${name}: want at least 1 got 0`,
      );
    return value;
  }

  /** `.StartsAt.Format "15:04"`: the last name of the path is a method, which is given the arguments. */
  #callMethod(
    first: Operand,
    rest: readonly Operand[],
    dot: Value,
    command: Command,
    piped: Value | undefined,
  ): Value {
    const path = "path" in first ? first.path : [];
    const name = path.at(-1);
    if (name === undefined || !("path" in first))
      throw this.#fail(command.offset, command.source, "can't give argument to non-function");
    const target = this.#operand({ ...first, path: path.slice(0, -1) }, dot, command);
    const args = rest.map((operand) => this.#operand(operand, dot, command));
    if (piped !== undefined) args.push(piped);
    const result = this.#guarded(name, command, () => callMethod(target, name, args));
    if (result === undefined)
      throw this.#fail(
        command.offset,
        command.source,
        memberOf(target, name) === undefined
          ? `can't evaluate field ${name} in type ${typeName(target)}`
          : `can't give argument to non-function`,
      );
    return result;
  }

  #apply(name: string, args: readonly Value[], command: Command): Value {
    const { functions, context, unsupported } = this.#setup;
    if (name === "tmpl") return this.#textOf(args, command);
    if (unsupported.has(name))
      throw this.#fail(command.offset, command.source, unsupportedText(name));
    const known = functions.get(name);
    assert(known !== undefined, () => `the parser has seen ${name}`);
    const { argsMin, argsMax, call } = known;
    if (args.length < argsMin || args.length > argsMax) {
      const want = argsMin === argsMax ? `${argsMin}` : `at least ${argsMin}`;
      throw this.#fail(
        command.offset,
        command.source,
        `wrong number of args for ${name}: want ${want} got ${args.length}`,
      );
    }
    const value = this.#guarded(name, command, () => call(args, context));
    const { lengthMax } = this.#setup.limits;
    if (typeof value === "string" && value.length > lengthMax)
      throw this.#fail(command.offset, command.source, `more than ${lengthMax} characters of text`);
    return value;
  }

  #guarded<Result>(name: string, command: Command, call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      // Bad arguments, and patterns that are no regular expressions; anything else is a bug of ours.
      if (!(error instanceof TemplateCallError) && !(error instanceof OperatingError)) throw error;
      throw this.#fail(
        command.offset,
        command.source,
        `error calling ${name}: ${errorText(error)}`,
      );
    }
  }

  #operand(operand: Operand, dot: Value, command: Command): Value {
    switch (operand.kind) {
      case "string":
      case "float":
      case "bool":
        return operand.value;
      case "int":
        return int(operand.value);
      case "nil":
        return null;
      case "field":
        return this.#fields(dot, operand.path, command);
      case "variable": {
        const entry = this.#variables.findLast(([name]) => name === operand.name);
        assert(entry !== undefined, () => `the parser has seen ${operand.name}`);
        return this.#fields(entry[1], operand.path, command);
      }
      case "label":
        return this.#setup.bareWord(operand.name);
      case "function":
        return this.#command({ ...command, operands: [operand] }, dot, undefined);
      case "pipeline":
        return this.#fields(this.#pipeline(operand.pipeline, dot), operand.path, command);
    }
  }

  #fields(value: Value, path: readonly string[], command: Command): Value {
    let at = value;
    for (const name of path) {
      const next = memberOf(at, name);
      if (next === undefined)
        throw this.#fail(
          command.offset,
          command.source,
          at === null
            ? `nil data; no entry for key ${JSON.stringify(name)}`
            : `can't evaluate field ${name} in type ${typeName(at)}`,
        );
      at = next;
    }
    return at;
  }
}
