import {
  CHANNELS_LABEL,
  channelReceiver,
  channelsOf,
  type LabelNames,
  type RuleGroup,
} from "@pharos/alert";
import {
  ALERT_RULES_PATH,
  type AlertRuleJson,
  type RuleTestJson,
  rollbackBodySchema,
  ruleEditBodySchema,
} from "@pharos/api";
import { type Clock, formatDuration, formatValue, OperatingError, quote } from "@pharos/base";
import type { Context, Hono } from "hono";
import type { z } from "zod";
import { type RuleBody, readRuleBody } from "../rule-book/rule-body.ts";
import { groupOf } from "../rule-book/rule-book.ts";
import {
  REPLAY_INTERVALS_MAX,
  REPLAY_RANGE_MS_MAX,
  type RuleTester,
  type RuleTestRun,
} from "../rule-book/rule-test.ts";
import {
  fileOfRule,
  fileRuleId,
  fileRuleViews,
  type GroupStatus,
  storedRuleViews,
  versionView,
} from "../rule-book/rule-view.ts";
import { DEFAULT_NAMESPACE, type StoredRule } from "../rule-book/stored-rule.ts";
import { addMethods } from "./add-route.ts";
import { type Answer, encoded, jsonAnswer, labelsObject, streamed } from "./answer.ts";
import type { AlertRulesProvider, ApiDependencies, RulesProvider } from "./dependencies.ts";
import { badData, invalidParameter } from "./errors.ts";
import { limitParameter, optionalBoolean, timeParameter } from "./parameters.ts";
import { RequestGate } from "./request-gate.ts";
import {
  bodyText,
  clientOf,
  editOf,
  refusedFromElsewhere,
  spokenParameter,
} from "./rule-request.ts";
import { dashboardAlerts } from "./rule-routes.ts";

interface Dependencies {
  readonly clock: Clock;
  readonly rules: RulesProvider;
  readonly alertRules: AlertRulesProvider;
}

/** Rules that are tested at once: each keeps a query thread busy, and takes turns of the main thread. */
const TESTS_CONCURRENT_MAX = 2;

const ONE = `${ALERT_RULES_PATH}/:id`;

/** `/api/v1/alerts/rules` and what belongs to it: rules that are made, changed and tested by requests. */
export function addAlertRuleRoutes(app: Hono, dependencies: ApiDependencies): void {
  const routes = new AlertRuleRoutes(dependencies);
  const tests = new RequestGate(TESTS_CONCURRENT_MAX);
  const change =
    (route: (request: Request, context: Context) => Promise<Answer>) =>
    async (request: Request, context: Context): Promise<Answer> =>
      refusedFromElsewhere(request) ?? route(request, context);
  const id = (context: Context): string => context.req.param("id") ?? "";
  addMethods(app, ALERT_RULES_PATH, {
    GET: (request) => routes.list(request),
    POST: change((request, context) => routes.create(request, context)),
  });
  addMethods(app, ONE, {
    GET: (_request, context) => routes.show(id(context)),
    PUT: change((request, context) => routes.replace(request, context, id(context))),
    DELETE: change((request, context) => routes.remove(request, context, id(context))),
  });
  addMethods(app, `${ONE}/versions`, { GET: (_request, context) => routes.versions(id(context)) });
  addMethods(app, `${ONE}/rollback`, {
    POST: change((request, context) => routes.rollback(request, context, id(context))),
  });
  for (const [name, enabled] of [
    ["enable", true],
    ["disable", false],
  ] as const)
    addMethods(app, `${ONE}/${name}`, {
      POST: change((request, context) => routes.enable(request, context, id(context), enabled)),
    });
  addMethods(app, "/api/v1/alerts/active", { GET: () => dashboardAlerts(dependencies) });
  addMethods(app, "/api/v1/alerts/test", {
    POST: change((request, context) => {
      const { signal } = request;
      return tests.run(signal, () => routes.test(request, context));
    }),
  });
}

class AlertRuleRoutes {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  get #alertRules(): AlertRulesProvider {
    return this.#dependencies.alertRules;
  }

  /** All rules, those of files first; a plain list. */
  list(request: Request): Answer {
    const { searchParams } = new URL(request.url);
    const limit = limitParameter(searchParams);
    const source = searchParams.get("source") ?? "";
    if (!["", "api", "file"].includes(source)) throw invalidParameter("source", "want api or file");
    const name = searchParams.get("name") ?? "";
    const pieces = this.#pieces(source, name, limit === 0 ? Number.POSITIVE_INFINITY : limit);
    return streamed(encoded(pieces), "application/json");
  }

  *#pieces(source: string, name: string, limit: number): Generator<string, void, undefined> {
    let count = 0;
    yield "[";
    for (const view of this.#views(source)) {
      if (name !== "" && view.name !== name) continue;
      if (count === limit) break;
      yield (count++ === 0 ? "" : ",") + JSON.stringify(view);
    }
    yield "]";
  }

  *#views(source: string): Generator<AlertRuleJson, void, undefined> {
    const { book, feed } = this.#alertRules;
    if (source !== "api")
      for (const group of feed.fileGroups) yield* fileRuleViews(group, this.#statusOf);
    if (source === "file") return;
    const intervalMs = feed.defaults.evaluationIntervalMs;
    for (const stored of book.list()) yield* storedRuleViews(stored, intervalMs, this.#statusOf);
  }

  readonly #statusOf: GroupStatus = (group) => this.#dependencies.rules.group(group);

  async create(request: Request, context: Context): Promise<Answer> {
    const { book, userHeader, feed } = this.#alertRules;
    const { searchParams } = new URL(request.url);
    const body = await this.#body(request, context, searchParams.get("name") ?? undefined);
    const namespace = searchParams.get("namespace") || DEFAULT_NAMESPACE;
    if (body.shape === "rule") for (const { name } of body.contents) this.#refuseFileName(name);
    const edit = editOf(request, context, userHeader, body);
    const stored = await book.create(namespace, body.contents, edit, {
      enabled: body.enabled,
      replace: optionalBoolean(searchParams, "replace", false),
    });
    await feed.bookChanged();
    const [first] = stored;
    const warnings = [...body.remarks, ...this.#channelWarnings(body)];
    if (body.shape !== "rule" || first === undefined) {
      const views = stored.flatMap((one) => this.#show(one, warnings));
      return jsonAnswer(JSON.stringify(views), 201);
    }
    return this.#answer(first, 201, warnings);
  }

  show(id: string): Answer {
    const { feed } = this.#alertRules;
    const stored = this.#find(id);
    if (stored !== undefined) return this.#answer(stored, 200);
    for (const group of feed.fileGroups) {
      const at = group.rules.findIndex(
        ({ name }, index) => name === id || fileRuleId(group, index) === id,
      );
      const view = at < 0 ? undefined : fileRuleViews(group, this.#statusOf)[at];
      if (view !== undefined) return jsonAnswer(JSON.stringify(view));
    }
    const member = this.#ofGroup(id);
    if (member === undefined) throw notFound(id);
    return jsonAnswer(JSON.stringify(this.#show(member.stored)[member.at]));
  }

  async replace(request: Request, context: Context, id: string): Promise<Answer> {
    const { book, userHeader, feed } = this.#alertRules;
    const stored = this.#stored(id);
    const { name: oldName } = stored.content;
    const body = await this.#body(request, context, oldName);
    const [content] = body.contents;
    if (content === undefined || body.contents.length > 1)
      throw badData("one rule or one group takes the place of one");
    if (body.shape === "rule" && content.name !== oldName) this.#refuseFileName(content.name);
    const edit = editOf(request, context, userHeader, body);
    const changed = await book.update(stored.id, content, edit, body.enabled);
    await feed.bookChanged();
    return this.#answer(changed, 200, [...body.remarks, ...this.#channelWarnings(body)]);
  }

  async remove(request: Request, context: Context, id: string): Promise<Answer> {
    const { book, userHeader, feed } = this.#alertRules;
    await book.remove(this.#stored(id).id, editOf(request, context, userHeader, {}));
    await feed.bookChanged();
    return { status: 204, headers: {}, body: null };
  }

  async versions(id: string): Promise<Answer> {
    const { book } = this.#alertRules;
    const stored = this.#find(id) ?? this.#ofGroup(id)?.stored;
    const versions = await book.versions(stored?.id ?? id);
    if (versions.length === 0) {
      const found = this.#ofFile(id);
      if (found === undefined) throw notFound(id);
      throw new OperatingError(
        "not_found",
        `the rule ${quote(found.name)} is in ${found.group.file}: versions are kept of the API's rules alone`,
      );
    }
    return jsonAnswer(JSON.stringify(versions.map(versionView)));
  }

  async rollback(request: Request, context: Context, id: string): Promise<Answer> {
    const { book, userHeader, feed } = this.#alertRules;
    const said = jsonOf(await bodyText(request), rollbackBodySchema);
    const edit = editOf(request, context, userHeader, { ...said, version: undefined });
    const found = this.#find(id);
    const key = found?.id ?? id;
    const former = (await book.versions(key)).find(({ rule }) => rule.version === said.version);
    // Meanwhile a file may have taken the name that it had.
    const { form = "group", name = "" } = former?.rule.content ?? {};
    if (form !== "group" && name !== found?.content.name) this.#refuseFileName(name);
    const stored = await book.rollback(key, said.version, edit);
    await feed.bookChanged();
    return this.#answer(stored, 200);
  }

  async enable(request: Request, context: Context, id: string, enabled: boolean): Promise<Answer> {
    const { book, userHeader, feed } = this.#alertRules;
    const text = await bodyText(request);
    const said = text === "" ? {} : jsonOf(text, ruleEditBodySchema);
    const edit = editOf(request, context, userHeader, said);
    const stored = await book.setEnabled(this.#stored(id).id, enabled, edit);
    await feed.bookChanged();
    return this.#answer(stored, 200);
  }

  /** Whether a rule would fire now, and with `replay` when it would have fired. */
  async test(request: Request, context: Context): Promise<Answer> {
    const { clock, alertRules } = this.#dependencies;
    const { tester, feed } = alertRules;
    const { searchParams } = new URL(request.url);
    const body = await this.#body(request, context, searchParams.get("name") ?? "test");
    const replayMs = spokenParameter(searchParams, "replay") ?? body.replayMs;
    if (replayMs !== undefined && !(replayMs > 0 && replayMs <= REPLAY_RANGE_MS_MAX))
      throw invalidParameter(
        "replay",
        `more than 0, at most ${formatDuration(REPLAY_RANGE_MS_MAX)}`,
      );
    const timeMs = timeParameter(searchParams, "time", clock.nowMs());
    const [content] = body.contents;
    const [rule] = content?.rules ?? [];
    if (content === undefined || body.contents.length > 1 || rule?.kind !== "alert")
      throw badData("one alerting rule is tested at a time");
    const group = groupOf(DEFAULT_NAMESPACE, content, feed.defaults);
    const caller = callerOf(request, context);
    const { forMs, keepFiringForMs } = rule;
    const lookback = forMs + keepFiringForMs + 2 * group.intervalMs;
    const now = await tester.run(group, lookback, timeMs, caller);
    const past =
      replayMs === undefined ? undefined : await tester.run(group, replayMs, timeMs, caller);
    const alerts = await tester.alerts(group, now, caller);
    const firing = alerts.filter(({ state }) => state.phase === "firing");
    const value = (firing[0] ?? alerts[0])?.value;
    const warnings = [...body.remarks, ...this.#channelWarnings(body), ...now.warnings];
    const answer: RuleTestJson = {
      would_fire: firing.length > 0,
      value: value === undefined ? null : formatValue(value),
      ...{ name: rule.name, expr: rule.expr, for: formatDuration(forMs) },
      alerts: alerts
        .slice(0, REPLAY_INTERVALS_MAX)
        .map(({ labels, annotations, state, value }) => ({
          labels: labelsObject(labels),
          annotations: Object.fromEntries(annotations),
          state: state.phase === "firing" ? "firing" : "pending",
          value: formatValue(value),
          active_at: new Date(state.activeAtMs).toISOString(),
        })),
      warnings: [...new Set([...warnings, ...(past?.warnings ?? [])])],
      cost: now.cost,
      ...(past === undefined ? {} : { replay: replayView(past) }),
    };
    return jsonAnswer(JSON.stringify(answer));
  }

  /** The rule of a body. Labels of metrics are looked up where a form needs them. */
  async #body(request: Request, context: Context, name: string | undefined): Promise<RuleBody> {
    const text = await bodyText(request);
    const isPlainText = /^text\/plain\b/.test(request.headers.get("Content-Type") ?? "");
    const options = { name, isPlainText: isPlainText && !/^\s*[{[]|^\s*[\w-]+:/.test(text) };
    const asked = new Set<string>();
    const note: LabelNames = (metric) => void asked.add(metric);
    const body = readRuleBody(text, { ...options, labelNames: note });
    if (asked.size === 0) return body;
    const known = new Map<string, ReadonlySet<string> | undefined>();
    const caller = callerOf(request, context);
    for (const metric of asked)
      known.set(metric, await this.#alertRules.tester.labelNames(metric, caller));
    return readRuleBody(text, { ...options, labelNames: (metric) => known.get(metric) });
  }

  /** By id, or by the name of a rule of the API. */
  #find(id: string): StoredRule | undefined {
    const { book } = this.#alertRules;
    return book.get(id) ?? book.named(DEFAULT_NAMESPACE, id);
  }

  /** @throws OperatingError `not_found`, `conflict` for one of a file. */
  #stored(id: string): StoredRule {
    const stored = this.#find(id);
    if (stored !== undefined) return stored;
    const found = this.#ofFile(id);
    if (found !== undefined) throw inFile(found.name, found.group);
    const member = this.#ofGroup(id);
    throw member === undefined ? notFound(id) : inGroup(id, member.stored);
  }

  /** By id, or by its name. */
  #ofFile(id: string): { readonly name: string; readonly group: RuleGroup } | undefined {
    for (const group of this.#alertRules.feed.fileGroups)
      for (const [at, { name }] of group.rules.entries())
        if (name === id || fileRuleId(group, at) === id) return { name, group };
    return undefined;
  }

  /** One of a group of the API that has another name, by the name of the rule. */
  #ofGroup(name: string): { readonly stored: StoredRule; readonly at: number } | undefined {
    for (const stored of this.#alertRules.book.list()) {
      const at = stored.content.rules.findIndex((rule) => rule.name === name);
      if (at >= 0) return { stored, at };
    }
    return undefined;
  }

  #refuseFileName(name: string): void {
    const group = fileOfRule(this.#alertRules.feed.fileGroups, name);
    if (group !== undefined) throw inFile(name, group);
  }

  #channelWarnings({ contents }: RuleBody): readonly string[] {
    const receivers = this.#alertRules.receivers();
    const channels = contents.flatMap(({ rules }) =>
      rules.flatMap(({ labels }) => labels.flatMap(channelsOfLabel)),
    );
    return [...new Set(channels)]
      .filter((channel) => channelReceiver(channel, receivers) === undefined)
      .map(
        (channel) =>
          `no receiver is called ${quote(channel)}: the routing tree decides who is told`,
      );
  }

  #show(stored: StoredRule, warnings?: readonly string[]): readonly AlertRuleJson[] {
    const intervalMs = this.#alertRules.feed.defaults.evaluationIntervalMs;
    return storedRuleViews(stored, intervalMs, this.#statusOf, warnings);
  }

  /** A rule by itself; a group that has another number of rules as a list. */
  #answer(stored: StoredRule, status: number, warnings?: readonly string[]): Answer {
    const views = this.#show(stored, warnings);
    const json = JSON.stringify(views.length === 1 ? views[0] : views);
    const Location = `${ALERT_RULES_PATH}/${stored.id}`;
    const headers = { ETag: `"${stored.version}"`, ...(status === 201 ? { Location } : {}) };
    return jsonAnswer(json, status, headers);
  }
}

function channelsOfLabel([name, value]: readonly [string, string]): readonly string[] {
  return name === CHANNELS_LABEL ? channelsOf(value) : [];
}

function callerOf(request: Request, context: Context): Parameters<RuleTester["run"]>[3] {
  const headers = Object.fromEntries(request.headers);
  return { client: clientOf(context), headers, signal: request.signal };
}

function replayView({ replay, startMs, endMs, stepMs, cost }: RuleTestRun) {
  const time = (ms: number): string => new Date(ms).toISOString();
  const counts = [...replay.notifications].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...{ start: time(startMs), end: time(endMs), step: formatDuration(stepMs) },
    firings: replay.firings,
    notifications: counts.reduce((sum, [, count]) => sum + count, 0),
    notifications_by_receiver: Object.fromEntries(counts),
    intervals: replay.intervals.map(({ labels, activeAtMs, firedAtMs, resolvedAtMs, value }) => ({
      labels: labelsObject(labels),
      pending_at: time(activeAtMs),
      start: time(firedAtMs),
      end: resolvedAtMs === undefined ? null : time(resolvedAtMs),
      value: formatValue(value),
    })),
    truncated: replay.firings > replay.intervals.length,
    cost,
  };
}

function jsonOf<T extends z.ZodType>(text: string, schema: T): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badData("the body is no JSON", error);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badData(`${issue?.path.join(".") || "body"}: ${issue?.message ?? "is wrong"}`);
}

function inFile(name: string, group: RuleGroup): OperatingError {
  return new OperatingError(
    "conflict",
    `the rule ${quote(name)} is in the group ${quote(group.name)} of ${group.file}: edit it there; a rule of the API needs another name`,
  );
}

function inGroup(name: string, { id, namespace, content }: StoredRule): OperatingError {
  return new OperatingError(
    "conflict",
    `the rule ${quote(name)} is in the group ${quote(content.name)} of ${quote(namespace)}, which is changed as a whole: its id is ${id}`,
  );
}

function notFound(id: string): OperatingError {
  return new OperatingError("not_found", `there is no rule ${quote(id.slice(0, 100))}`);
}
