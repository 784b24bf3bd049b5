import type { Rule } from "@pharos/alert";
import { formatDuration, OperatingError } from "@pharos/base";
import type { Context, Hono } from "hono";
import { stringify } from "yaml";
import { readRuleBody } from "../rule-book/rule-body.ts";
import type { RuleContent, StoredRule } from "../rule-book/stored-rule.ts";
import { addMethods, type Route } from "./add-route.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { HTTP_ERRORS } from "./errors.ts";
import { bodyText, editOf, refusedFromElsewhere } from "./rule-request.ts";

/** Where Mimir's ruler has its configuration, and where Cortex and Loki had theirs. */
const LISTS = ["/prometheus/config/v1/rules", "/config/v1/rules"];
const NAMESPACES = [...LISTS, "/api/v1/rules"];

/**
 * The configuration API of Mimir's ruler, for `mimirtool rules`, Grafana and whatever else speaks it: groups of rules in
 * YAML, by namespace. There is one tenant.
 */
export function addRulerRoutes(app: Hono, dependencies: Dependencies): void {
  const ruler = new RulerRoutes(dependencies);
  for (const path of LISTS) addMethods(app, path, { GET: () => ruler.all() });
  for (const path of NAMESPACES) {
    addMethods(app, `${path}/:namespace`, {
      GET: plain((_request, context) => ruler.namespace(context)),
      POST: plain((request, context) => ruler.set(request, context)),
      DELETE: plain((request, context) => ruler.removeNamespace(request, context)),
    });
    addMethods(app, `${path}/:namespace/:group`, {
      GET: plain((_request, context) => ruler.group(context)),
      DELETE: plain((request, context) => ruler.remove(request, context)),
    });
  }
}

/** Errors as the ruler tells them: a line of text. */
function plain(route: (request: Request, context: Context) => Response | Promise<Response>): Route {
  return async (request, context) => {
    if (request.method !== "GET") {
      const refused = refusedFromElsewhere(request);
      if (refused !== undefined) return refused;
    }
    try {
      return await route(request, context);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const { status } = HTTP_ERRORS[error.code];
      const headers = { "Content-Type": "text/plain; charset=utf-8" };
      return new Response(`${error.message}\n`, { status, headers });
    }
  };
}

type Dependencies = Pick<ApiDependencies, "alertRules">;

class RulerRoutes {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  get #alertRules(): ApiDependencies["alertRules"] {
    return this.#dependencies.alertRules;
  }

  /** By namespace. Like the ruler, and unlike an empty list, none are a 404. */
  all(): Response {
    return this.#groups(this.#alertRules.book.list());
  }

  namespace(context: Context): Response {
    const namespace = parameter(context, "namespace");
    const { book } = this.#alertRules;
    return this.#groups(book.list().filter((rule) => rule.namespace === namespace));
  }

  #groups(rules: readonly StoredRule[]): Response {
    if (rules.length === 0) return text(404, "no rule groups found");
    const byNamespace = Map.groupBy(rules, ({ namespace }) => namespace);
    const groups = [...byNamespace].map(
      ([namespace, list]) => [namespace, list.map(({ content }) => groupYaml(content))] as const,
    );
    return yaml(new Map(groups));
  }

  group(context: Context): Response {
    const found = this.#named(context);
    return found === undefined ? text(404, "group does not exist") : yaml(groupYaml(found.content));
  }

  #named(context: Context): StoredRule | undefined {
    return this.#alertRules.book.named(
      parameter(context, "namespace"),
      parameter(context, "group"),
    );
  }

  async set(request: Request, context: Context): Promise<Response> {
    const { book, feed, userHeader } = this.#alertRules;
    const body = readRuleBody(await bodyText(request));
    const [content] = body.contents;
    if (body.shape !== "group" || content === undefined)
      throw new OperatingError("input.invalid", "unable to decode rule group: want name and rules");
    const namespace = parameter(context, "namespace");
    const edit = editOf(request, context, userHeader, {});
    await book.create(namespace, [content], edit, { replace: true });
    await feed.bookChanged();
    return accepted();
  }

  async remove(request: Request, context: Context): Promise<Response> {
    const { book, feed, userHeader } = this.#alertRules;
    const found = this.#named(context);
    if (found === undefined) return text(404, "group does not exist");
    await book.remove(found.id, editOf(request, context, userHeader, {}));
    await feed.bookChanged();
    return accepted();
  }

  async removeNamespace(request: Request, context: Context): Promise<Response> {
    const { book, feed, userHeader } = this.#alertRules;
    const edit = editOf(request, context, userHeader, {});
    const count = await book.removeNamespace(parameter(context, "namespace"), edit);
    if (count === 0) return text(404, "namespace does not exist");
    await feed.bookChanged();
    return accepted();
  }
}

/** A group as in a rule file; what it does not say is left out. */
export function groupYaml(content: RuleContent): object {
  const { name, intervalMs, queryOffsetMs, limit, labels, rules } = content;
  return {
    name,
    ...(intervalMs === undefined ? {} : { interval: formatDuration(intervalMs) }),
    ...(queryOffsetMs === undefined ? {} : { query_offset: formatDuration(queryOffsetMs) }),
    ...(limit === 0 ? {} : { limit }),
    ...pairs("labels", labels),
    rules: rules.map(ruleYaml),
  };
}

function ruleYaml(rule: Rule): object {
  const { name, expr, labels } = rule;
  if (rule.kind === "record") return { record: name, expr, ...pairs("labels", labels) };
  const { forMs, keepFiringForMs, annotations } = rule;
  return {
    ...{ alert: name, expr },
    ...(forMs === 0 ? {} : { for: formatDuration(forMs) }),
    ...(keepFiringForMs === 0 ? {} : { keep_firing_for: formatDuration(keepFiringForMs) }),
    ...pairs("labels", labels),
    ...pairs("annotations", annotations),
  };
}

function pairs(key: string, list: readonly (readonly [string, string])[]): object {
  return list.length === 0 ? {} : { [key]: new Map(list) };
}

function parameter(context: Context, name: string): string {
  return context.req.param(name) ?? "";
}

function yaml(value: unknown): Response {
  const headers = { "Content-Type": "application/yaml" };
  return new Response(stringify(value, { lineWidth: 0 }), { headers });
}

function text(status: number, body: string): Response {
  const headers = { "Content-Type": "text/plain; charset=utf-8" };
  return new Response(`${body}\n`, { status, headers });
}

/** It is kept and evaluated already; the ruler, which does so later, answers 202, and clients look for it. */
function accepted(): Response {
  return Response.json({ status: "success" }, { status: 202 });
}
