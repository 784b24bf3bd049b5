import { errorText, OperatingError } from "@pharos/base";
import { DEFAULT_TEMPLATES } from "./default-templates.ts";
import { type Definition, Expansion, type ExpansionLimits } from "./expansion.ts";
import { HtmlEscaper } from "./html-escaper.ts";
import type { NotificationData } from "./notification-data.ts";
import { NOTIFICATION_FUNCTIONS } from "./notification-functions.ts";
import type { Node } from "./template-ast.ts";
import { type ParsedTemplate, parseTemplateText } from "./template-parser.ts";

/** A file of templates, as `templates:` of an `alertmanager.yml` names it. */
export interface TemplateFile {
  /** For error messages; its last part is also the name of the text outside all definitions. */
  readonly name: string;
  readonly text: string;
}

/** A group of thousands of alerts makes a long mail; beyond these no server would take it. */
export const NOTIFICATION_LIMITS: ExpansionLimits = {
  lengthMax: 16 * 1024 * 1024,
  stepsMax: 2_000_000,
};

/** How long one file may be, in UTF-16 units: mails are written in a lot of HTML. */
const FILE_LENGTH_MAX = 1024 * 1024;
/** How many texts of the configuration are kept parsed: a few dozen a receiver. */
const TEXTS_REMEMBERED_MAX = 2000;

/**
 * The templates of notifications: Go's language with Alertmanager's data and functions. The definitions of files
 * replace those with the same name that come with Pharos, and those of files before them.
 */
export class NotificationTemplates {
  readonly #definitions: ReadonlyMap<string, Definition>;
  readonly #texts = new Map<string, ParsedTemplate>();

  private constructor(definitions: ReadonlyMap<string, Definition>) {
    this.#definitions = definitions;
  }

  /** @throws OperatingError `input.invalid`: `slack.tmpl:3:14: function "upper" not defined`. */
  static parse(files: readonly TemplateFile[] = []): NotificationTemplates {
    const definitions = new Map<string, Definition>(defaultDefinitions());
    for (const { name, text } of files) {
      let parsed: ParsedTemplate;
      try {
        parsed = parseText(text);
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        throw new OperatingError("input.invalid", `${name}:${errorText(error)}`);
      }
      addDefinitions(definitions, name, parsed);
    }
    return new NotificationTemplates(definitions);
  }

  /** Whether `{{ template "name" . }}` finds something. */
  has(name: string): boolean {
    return this.#definitions.has(name);
  }

  /**
   * Reads a text of the configuration without expanding it.
   *
   * @throws TemplateSyntaxError (an OperatingError `input.invalid`) with line and column.
   */
  check(source: string): void {
    this.#parsed(source);
  }

  /** @throws OperatingError `input.invalid` where the text cannot be read, or not expanded with this data. */
  expand(source: string, data: NotificationData): string {
    return this.#expand(source, data, false);
  }

  /** Values are escaped by where they stand in the HTML, except what `safeHtml` and `safeUrl` vouch for. */
  expandHtml(source: string, data: NotificationData): string {
    return this.#expand(source, data, true);
  }

  #expand(source: string, { root, values }: NotificationData, html: boolean): string {
    if (!source.includes("{{")) return source;
    const parsed = this.#parsed(source);
    let definitions = this.#definitions;
    if (parsed.definitions.size > 0) {
      const own = new Map(definitions);
      addDefinitions(own, "", parsed);
      definitions = own;
    }
    return new Expansion({
      main: { source: { name: "", text: source }, body: parsed.body },
      definitions,
      root,
      variables: [],
      functions: NOTIFICATION_FUNCTIONS,
      unsupported: NONE,
      context: values,
      limits: NOTIFICATION_LIMITS,
      bareWord: () => "", // The parser refuses them.
      ...(html ? { escaper: new HtmlEscaper() } : {}),
    }).run();
  }

  #parsed(source: string): ParsedTemplate {
    const known = this.#texts.get(source);
    if (known !== undefined) return known;
    const parsed = parseText(source);
    if (this.#texts.size >= TEXTS_REMEMBERED_MAX) this.#texts.clear();
    this.#texts.set(source, parsed);
    return parsed;
  }
}

const NONE: ReadonlySet<string> = new Set();

function parseText(text: string): ParsedTemplate {
  return parseTemplateText(text, {
    variables: [],
    isFunction: (name) => name === "and" || name === "or" || NOTIFICATION_FUNCTIONS.has(name),
    isUnsupported: () => false,
    bareWords: false,
    lengthMax: FILE_LENGTH_MAX,
  });
}

let defaults: ReadonlyMap<string, Definition> | undefined;

function defaultDefinitions(): ReadonlyMap<string, Definition> {
  if (defaults !== undefined) return defaults;
  const definitions = new Map<string, Definition>();
  addDefinitions(definitions, "default", parseText(DEFAULT_TEMPLATES));
  definitions.delete("default");
  defaults = definitions;
  return definitions;
}

/** As in Go: what is empty does not replace what is not. */
function addDefinitions(
  definitions: Map<string, Definition>,
  fileName: string,
  parsed: ParsedTemplate,
): void {
  const source = { name: fileName, text: parsed.text };
  for (const [name, body] of parsed.definitions)
    if (!isEmpty(body) || !definitions.has(name)) definitions.set(name, { source, body });
  const name = fileName.slice(fileName.lastIndexOf("/") + 1);
  if (name !== "" && !isEmpty(parsed.body)) definitions.set(name, { source, body: parsed.body });
}

function isEmpty(body: readonly Node[]): boolean {
  return body.every((node) => node.kind === "text" && node.text.trim() === "");
}
