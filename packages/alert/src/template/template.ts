import { assert, errorText, type Labels, OperatingError } from "@pharos/base";
import type { Command, Node, Operand, Pipeline } from "./template-ast.ts";
import {
  type FunctionContext,
  TEMPLATE_FUNCTIONS,
  TemplateCallError,
  UNSUPPORTED_FUNCTIONS,
} from "./template-functions.ts";
import { lineAndColumn } from "./template-lexer.ts";
import { type ParsedTemplate, parseTemplateText } from "./template-parser.ts";
import {
  formatGoValue,
  int,
  isTrue,
  type MapValue,
  sortedEntries,
  stringMap,
  typeName,
  type Value,
} from "./value.ts";

/** How long an expanded text may be, in UTF-16 units. */
export const EXPANSION_LENGTH_MAX = 256 * 1024;
/** How many nodes and calls one expansion may take: nested `range` multiplies. */
export const EXPANSION_STEPS_MAX = 100_000;
/** How deep `template` may call itself. */
const CALL_DEPTH_MAX = 100;

/** What a template of an alerting rule may use. */
export interface TemplateData extends FunctionContext {
  /** The labels of the element of the result, with its metric name. */
  readonly labels: Labels;
  readonly value: number;
  readonly externalLabels: Labels;
}

/** A template that has been read; `parseTemplate` makes it. */
export interface Template {
  readonly source: string;
  /** Undefined where the text has no actions: it expands to itself. */
  readonly parsed: ParsedTemplate | undefined;
}

const VARIABLES = ["$labels", "$externalLabels", "$externalURL", "$value"];

/**
 * Reads a label or annotation of an alerting rule: Go's template language with Prometheus's functions and variables,
 * and bare words for labels (`{{ host }}`) and the value (`{{ value }}`).
 *
 * @throws TemplateSyntaxError (an OperatingError `input.invalid`) with line and column.
 */
export function parseTemplate(source: string): Template {
  if (!source.includes("{{")) return { source, parsed: undefined };
  const parsed = parseTemplateText(source, {
    variables: VARIABLES,
    isFunction: (name) => name === "and" || name === "or" || TEMPLATE_FUNCTIONS.has(name),
    isUnsupported: (name) => UNSUPPORTED_FUNCTIONS.has(name),
  });
  return { source, parsed };
}

/** @throws OperatingError `input.invalid` where the template cannot be expanded with this data. */
export function renderTemplate(template: Template, data: TemplateData): string {
  if (template.parsed === undefined) return template.source;
  return new Expansion(template.parsed, data).run();
}

/** As Prometheus: what goes wrong stands in the text, so that the alert goes out all the same. */
export function expandTemplate(template: Template, data: TemplateData): string {
  try {
    return renderTemplate(template, data);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return `<error expanding template: ${error.message}>`;
  }
}

/** What of a template fails when it is expanded, each with its line and column: `1:4: function "query" is …`. */
export function unsupportedCalls({ parsed }: Template): string[] {
  if (parsed === undefined) return [];
  return parsed.unsupported.map(({ name, offset }) => {
    const { line, column } = lineAndColumn(parsed.text, offset);
    return `${line}:${column}: ${unsupportedText(name)}`;
  });
}

function unsupportedText(name: string): string {
  return `function "${name}" is not supported yet`;
}

type Flow = "next" | "break" | "continue";

class Expansion {
  readonly #template: ParsedTemplate;
  readonly #data: TemplateData;
  readonly #labels: MapValue;
  #variables: [name: string, value: Value][];
  #out = "";
  #stepCount = 0;
  #callDepth = 0;

  constructor(template: ParsedTemplate, data: TemplateData) {
    this.#template = template;
    this.#data = data;
    this.#labels = stringMap(data.labels);
    const root = rootOf(data, this.#labels);
    this.#variables = [
      ["$", root],
      ["$labels", this.#labels],
      ["$externalLabels", stringMap(data.externalLabels)],
      ["$externalURL", data.externalUrl],
      ["$value", data.value],
    ];
  }

  run(): string {
    this.#walk(this.#template.body, this.#variables[0]?.[1] ?? null);
    return this.#out;
  }

  #fail(offset: number, source: string, reason: string): OperatingError {
    const { line, column } = lineAndColumn(this.#template.text, offset);
    const at = source === "" ? "" : `at <${source}>: `;
    return new OperatingError("input.invalid", `${line}:${column}: ${at}${reason}`);
  }

  #step(): void {
    if (++this.#stepCount > EXPANSION_STEPS_MAX)
      throw this.#fail(0, "", `more than ${EXPANSION_STEPS_MAX} steps`);
  }

  #write(text: string): void {
    this.#out += text;
    if (this.#out.length > EXPANSION_LENGTH_MAX)
      throw this.#fail(0, "", `more than ${EXPANSION_LENGTH_MAX} characters of text`);
  }

  #walk(nodes: readonly Node[], dot: Value): Flow {
    for (const node of nodes) {
      const flow = this.#walkNode(node, dot);
      if (flow !== "next") return flow;
    }
    return "next";
  }

  #walkNode(node: Node, dot: Value): Flow {
    this.#step();
    switch (node.kind) {
      case "text":
        this.#write(node.text);
        return "next";
      case "action": {
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0) this.#write(formatGoValue(value));
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
        if (value.value > EXPANSION_STEPS_MAX)
          throw this.#fail(pipeline.offset, "", `more than ${EXPANSION_STEPS_MAX} steps`);
        return Array.from({ length: Math.max(0, value.value) }, (_, i) => [int(i), int(i)]);
      }
    }
    if (value === null) return [];
    throw this.#fail(pipeline.offset, "", `range can't iterate over ${formatGoValue(value)}`);
  }

  #call(name: string, argument: Pipeline | undefined, offset: number, dot: Value): void {
    const body = this.#template.definitions.get(name);
    if (body === undefined)
      throw this.#fail(offset, "", `template ${JSON.stringify(name)} not defined`);
    if (++this.#callDepth > CALL_DEPTH_MAX)
      throw this.#fail(
        offset,
        "",
        `templates call each other deeper than ${CALL_DEPTH_MAX} levels`,
      );
    const value = argument === undefined ? null : this.#pipeline(argument, dot);
    const outer = this.#variables;
    this.#variables = [["$", value]];
    this.#walk(body, value);
    this.#variables = outer;
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
      if (rest.length > 0)
        throw this.#fail(command.offset, command.source, "can't give argument to non-function");
      return this.#operand(first, dot, command);
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

  #apply(name: string, args: readonly Value[], command: Command): Value {
    if (UNSUPPORTED_FUNCTIONS.has(name))
      throw this.#fail(command.offset, command.source, unsupportedText(name));
    const known = TEMPLATE_FUNCTIONS.get(name);
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
    try {
      return call(args, this.#data);
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
        return operand.name === "value"
          ? this.#data.value
          : (this.#labels.entries.get(operand.name) ?? "");
      case "function":
        return this.#command({ ...command, operands: [operand] }, dot, undefined);
      case "pipeline":
        return this.#fields(this.#pipeline(operand.pipeline, dot), operand.path, command);
    }
  }

  #fields(value: Value, path: readonly string[], command: Command): Value {
    let at = value;
    for (const name of path) {
      const next = fieldOf(at, name);
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

function rootOf(data: TemplateData, labels: MapValue): Value {
  return {
    kind: "struct",
    fields: new Map<string, Value>([
      ["Labels", labels],
      ["ExternalLabels", stringMap(data.externalLabels)],
      ["ExternalURL", data.externalUrl],
      ["Value", data.value],
    ]),
  };
}

function fieldOf(value: Value, name: string): Value | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value.kind === "map") return value.entries.get(name) ?? value.missing;
  if (value.kind === "struct") return value.fields.get(name);
  return value.kind === "time" ? timeField(value.ms, name) : undefined;
}

const MONTHS =
  "January February March April May June July August September October November December";
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday";

/** The methods of Go's `time.Time` that take no arguments and that texts for people use; UTC. */
function timeField(ms: number, name: string): Value | undefined {
  const date = new Date(ms);
  switch (name) {
    case "Unix":
      return int(Math.floor(ms / 1000));
    case "UnixMilli":
      return int(ms);
    case "Year":
      return int(date.getUTCFullYear());
    case "Month":
      return MONTHS.split(" ")[date.getUTCMonth()];
    case "Day":
      return int(date.getUTCDate());
    case "Weekday":
      return DAYS.split(" ")[date.getUTCDay()];
    case "Hour":
      return int(date.getUTCHours());
    case "Minute":
      return int(date.getUTCMinutes());
    case "Second":
      return int(date.getUTCSeconds());
    default:
      return undefined;
  }
}
