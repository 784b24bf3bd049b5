import { type Labels, OperatingError } from "@pharos/base";
import {
  EXPANSION_LENGTH_MAX,
  EXPANSION_STEPS_MAX,
  Expansion,
  unsupportedText,
} from "./expansion.ts";
import {
  type FunctionContext,
  TEMPLATE_FUNCTIONS,
  UNSUPPORTED_FUNCTIONS,
} from "./template-functions.ts";
import { lineAndColumn } from "./template-lexer.ts";
import { type ParsedTemplate, parseTemplateText } from "./template-parser.ts";
import { type MapValue, stringMap, type Value } from "./value.ts";

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

/** Functions that the expansion itself evaluates: they stop early, or call templates. */
const EVALUATED: ReadonlySet<string> = new Set(["and", "or", "tmpl"]);

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
    isFunction: (name) => EVALUATED.has(name) || TEMPLATE_FUNCTIONS.has(name),
    isUnsupported: (name) => UNSUPPORTED_FUNCTIONS.has(name),
    bareWords: true,
  });
  return { source, parsed };
}

/** @throws OperatingError `input.invalid` where the template cannot be expanded with this data. */
export function renderTemplate(template: Template, data: TemplateData): string {
  if (template.parsed === undefined) return template.source;
  const labels = stringMap(data.labels);
  const { body, definitions, text } = template.parsed;
  const source = { name: "", text };
  return new Expansion({
    main: { source, body },
    definitions: new Map([...definitions].map(([name, nodes]) => [name, { source, body: nodes }])),
    root: rootOf(data, labels),
    variables: [
      ["$labels", labels],
      ["$externalLabels", stringMap(data.externalLabels)],
      ["$externalURL", data.externalUrl],
      ["$value", data.value],
    ],
    functions: TEMPLATE_FUNCTIONS,
    unsupported: UNSUPPORTED_FUNCTIONS,
    context: data,
    limits: { lengthMax: EXPANSION_LENGTH_MAX, stepsMax: EXPANSION_STEPS_MAX },
    bareWord: (name) => (name === "value" ? data.value : (labels.entries.get(name) ?? "")),
  }).run();
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
