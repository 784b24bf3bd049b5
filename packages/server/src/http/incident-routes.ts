import { INCIDENT_STATUSES, type Incident, PRIORITIES } from "@pharos/alert";
import {
  ALERT_HISTORY_PATH,
  acknowledgeSchema,
  commentSchema,
  INCIDENTS_PATH,
  incidentActionSchema,
} from "@pharos/api";
import { type Clock, type Matcher, OperatingError, quote } from "@pharos/base";
import {
  ALERT_PHASES,
  type AlertHistory,
  type IncidentAction,
  type IncidentArchive,
} from "@pharos/notify";
import type { Hono } from "hono";
import type { z } from "zod";
import { addRoute } from "./add-route.ts";
import { type Answer, failure, formatTime, success } from "./answer.ts";
import { badData, invalidParameter } from "./errors.ts";
import { incidentAlertsJson, incidentJson, timelineJson, transitionJson } from "./incident-json.ts";
import { parseSelector, SELECTORS_MAX } from "./match-parameter.ts";
import { type AskedPage, cursorJson, pageParameters } from "./page-parameters.ts";
import {
  choiceParameter,
  formChunks,
  isForm,
  parametersOf,
  parseDurationText,
  parseTime,
} from "./parameters.ts";
import { isFromAnotherSite } from "./same-site.ts";

/** Attempts at notifications that an incident shows. */
const DELIVERIES_SHOWN_MAX = 200;
/** An acknowledgement ends within a year, or with its incident. */
const ACKNOWLEDGED_MS_MAX = 365 * 24 * 3_600_000;

/** An attempt to notify somebody of an incident. */
export interface IncidentDelivery {
  readonly key: string;
  readonly integration: string;
  readonly receiver: string;
  readonly reason: string;
  readonly outcome: "delivered" | "retrying" | "failed";
  readonly attempt: number;
  readonly error: string;
  readonly atMs: number;
}

/** What the API asks of incidents. Each may throw what the document store throws. */
export interface IncidentsProvider {
  /** All that are kept, with their timelines. */
  readonly archive: IncidentArchive;
  /** What became of each alert. */
  readonly history: AlertHistory;
  /** The attempts to notify of an incident, the newest first. */
  deliveries(incident: Incident, limit: number): Promise<readonly IncidentDelivery[]>;
  /** @throws OperatingError `not_found`, `conflict`. */
  act(id: string, action: IncidentAction): Promise<Incident>;
  /** Gives those that were acknowledged. */
  acknowledgeMatching(
    matchers: readonly Matcher[],
    action: Acknowledge,
  ): Promise<readonly Incident[]>;
}

interface IncidentDependencies {
  readonly clock: Clock;
  readonly incidents: IncidentsProvider;
}

/** Incidents, what people do with them, and what became of alerts. */
export function addIncidentRoutes(app: Hono, dependencies: IncidentDependencies): void {
  addRoute(app, ["GET"], INCIDENTS_PATH, (request) => listIncidents(request, dependencies));
  addRoute(app, ["POST"], `${INCIDENTS_PATH}/acknowledge`, (request) =>
    acknowledgeMatching(request, dependencies),
  );
  addRoute(app, ["GET"], `${INCIDENTS_PATH}/:id`, (request, context) =>
    showIncident(request, context.req.param("id") ?? "", dependencies),
  );
  for (const kind of ["acknowledge", "unacknowledge", "resolve", "comment"] as const)
    addRoute(app, ["POST"], `${INCIDENTS_PATH}/:id/${kind}`, async (request, context) => {
      if (isFromAnotherSite(request)) return fromAnotherSite();
      const action = await actionOf(request, kind, dependencies.clock);
      const id = context.req.param("id") ?? "";
      return success(incidentJson(await dependencies.incidents.act(id, action)));
    });
  addRoute(app, ["GET"], ALERT_HISTORY_PATH, (request) => alertHistory(request, dependencies));
}

/** `?status&priority&receiver&rule&match[]&start&end&limit&cursor`: incidents that were opened in the range. */
async function listIncidents(
  request: Request,
  { incidents }: IncidentDependencies,
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const statuses = [...INCIDENT_STATUSES, "open"] as const;
  const status = choiceParameter(parameters, "status", statuses);
  const priority = choiceParameter(parameters, "priority", PRIORITIES);
  const receiver = parameters.get("receiver") || undefined;
  const rule = parameters.get("rule") || undefined;
  const page = await incidents.archive.list({
    ...pageOf(parameters),
    ...(status === undefined ? {} : { status }),
    ...(priority === undefined ? {} : { priority }),
    ...(receiver === undefined ? {} : { receiver }),
    ...(rule === undefined ? {} : { rule }),
  });
  return success({ incidents: page.items.map(incidentJson), ...cursorJson(page) });
}

/** `/{id}?limit&cursor`: with its alerts, its timeline and its deliveries. */
async function showIncident(
  request: Request,
  id: string,
  { incidents }: IncidentDependencies,
): Promise<Answer> {
  const { limit, after } = pageOf(await parametersOf(request));
  const incident = await incidents.archive.get(id);
  if (incident === undefined)
    throw new OperatingError("not_found", `there is no incident ${quote(id)}`);
  const timeline = await incidents.archive.timeline(
    id,
    after === undefined ? { limit } : { limit, after },
  );
  const deliveries = await incidents.deliveries(incident, DELIVERIES_SHOWN_MAX);
  return success({
    ...incidentJson(incident),
    alerts: incidentAlertsJson(incident),
    timeline: timeline.items.map(timelineJson),
    ...cursorJson(timeline),
    deliveries: deliveries.map(deliveryJson),
  });
}

/** The delivery log knows more of each attempt than belongs here. */
function deliveryJson(delivery: IncidentDelivery) {
  const { key, integration, receiver, reason, outcome, attempt, error, atMs } = delivery;
  return { at: formatTime(atMs), key, integration, receiver, reason, outcome, attempt, error };
}

async function acknowledgeMatching(
  request: Request,
  { clock, incidents }: IncidentDependencies,
): Promise<Answer> {
  if (isFromAnotherSite(request)) return fromAnotherSite();
  const { searchParams } = new URL(request.url);
  const parameters = isForm("POST", request.headers.get("Content-Type") ?? "")
    ? await parametersOf(request)
    : searchParams;
  const lists = alertMatchers(parameters);
  if (lists.length === 0) throw badData("no match[] parameter provided");
  const action = await acknowledgementOf(request, clock);
  const done = new Map<string, Incident>();
  for (const matchers of lists)
    for (const incident of await incidents.acknowledgeMatching(matchers, action))
      done.set(incident.id, incident);
  return success({ incidents: [...done.values()].map(incidentJson) });
}

/** `?rule&state&fingerprint&match[]&start&end&limit&cursor`. */
async function alertHistory(
  request: Request,
  { incidents }: IncidentDependencies,
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const to = choiceParameter(parameters, "state", ALERT_PHASES);
  const rule = parameters.get("rule") || undefined;
  const fingerprint = parameters.get("fingerprint") || undefined;
  const page = await incidents.history.list({
    ...pageOf(parameters),
    ...(to === undefined ? {} : { to }),
    ...(rule === undefined ? {} : { rule }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  });
  return success({ transitions: page.items.map(transitionJson), ...cursorJson(page) });
}

interface AskedAlerts extends AskedPage {
  readonly matcherLists: readonly (readonly Matcher[])[];
}

function pageOf(parameters: URLSearchParams): AskedAlerts {
  return { ...pageParameters(parameters), matcherLists: alertMatchers(parameters) };
}

/** Selectors of alerts: `{instance="a"}`; a name before the braces is that of the alert. */
function alertMatchers(parameters: URLSearchParams): readonly (readonly Matcher[])[] {
  const texts = parameters.getAll("match[]");
  if (texts.length > SELECTORS_MAX)
    throw invalidParameter("match[]", `${texts.length} selectors; at most ${SELECTORS_MAX}`);
  return texts.map((text) =>
    parseSelector(text, "match[]").map((matcher) =>
      matcher.name === "__name__" ? { ...matcher, name: "alertname" } : matcher,
    ),
  );
}

type Acknowledge = Extract<IncidentAction, { kind: "acknowledge" }>;

/** What a person sent: a JSON object, a form, or parameters of the URL. @throws OperatingError `input.invalid`. */
async function acknowledgementOf(request: Request, clock: Clock): Promise<Acknowledge> {
  const { by, comment, expires_in, until } = parseFields(
    acknowledgeSchema,
    await fieldsOf(request),
  );
  const untilMs = acknowledgedUntil(expires_in, until, clock.nowMs());
  return { kind: "acknowledge", by, comment: comment ?? "", untilMs };
}

async function actionOf(
  request: Request,
  kind: IncidentAction["kind"],
  clock: Clock,
): Promise<IncidentAction> {
  if (kind === "acknowledge") return acknowledgementOf(request, clock);
  const schema = kind === "comment" ? commentSchema : incidentActionSchema;
  const { by, comment = "" } = parseFields(schema, await fieldsOf(request));
  return { kind, by, comment };
}

async function fieldsOf(request: Request): Promise<unknown> {
  const type = request.headers.get("Content-Type") ?? "";
  if (type.startsWith("application/json")) {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of formChunks(request)) text += decoder.decode(chunk, { stream: true });
    try {
      return JSON.parse(text + decoder.decode()) as unknown;
    } catch (error) {
      throw badData("the body is no JSON", error);
    }
  }
  const fields = new Map(await parametersOf(request));
  fields.delete("match[]");
  return Object.fromEntries(fields);
}

/** What a person sent, where it is as the contract says. @throws OperatingError `input.invalid` that names each field. */
export function parseFields<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  throw badData(problems.join("; "));
}

/** When an acknowledgement ends; null for with its incident. @throws OperatingError `input.invalid`. */
export function acknowledgedUntil(
  expiresIn: string | undefined,
  until: string | undefined,
  nowMs: number,
): number | null {
  if (expiresIn && until) throw badData("only one of expires_in and until");
  if (!expiresIn && !until) return null;
  const untilMs = expiresIn ? nowMs + parseDurationText(expiresIn) : parseTime(until ?? "");
  if (untilMs === undefined)
    throw invalidParameter("until", `cannot parse ${quote(until ?? "")} to a valid timestamp`);
  if (untilMs <= nowMs || untilMs > nowMs + ACKNOWLEDGED_MS_MAX)
    throw badData("an acknowledgement ends after now, and within a year");
  return untilMs;
}

function fromAnotherSite(): Answer {
  return failure(403, "bad_data", "not from a page of another site");
}
