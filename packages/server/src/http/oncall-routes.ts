import {
  formatAlertMatcher,
  type OnDuty,
  SHIFTS_RANGE_MS_MAX,
  type Shift,
  shifts,
} from "@pharos/alert";
import {
  HEARTBEATS_PATH,
  ONCALL_PATH,
  type OnCallJson,
  overrideBodySchema,
  type PagePreviewJson,
  pagePreviewBodySchema,
} from "@pharos/api";
import { type Clock, formatDuration, type Labels, labelsFrom, OperatingError } from "@pharos/base";
import type { HeartbeatStatus, KeptOverride } from "@pharos/notify";
import type { Context, Hono } from "hono";
import type { OnCall } from "../alerting/oncall.ts";
import { isTold, type PagePreview } from "../alerting/page-preview.ts";
import { shiftCalendar } from "../alerting/shift-calendar.ts";
import { addMethods, addRoute } from "./add-route.ts";
import { type Answer, formatTime, labelsObject, success, wholeAnswer } from "./answer.ts";
import { badData, invalidParameter } from "./errors.ts";
import { parseFields } from "./incident-routes.ts";
import { jsonBody } from "./json-body.ts";
import { parametersOf, parseTime, timeParameter } from "./parameters.ts";
import { refusedFromElsewhere } from "./rule-request.ts";

const WEEK_MS = 7 * 24 * 3_600_000;
/** Where a request does not say. */
const SHIFTS_RANGE_MS = 4 * WEEK_MS;
const CALENDAR_RANGE_MS = 12 * WEEK_MS;
/** What is asked about beside now. */
const LATER_MS = 3_600_000;
const NOTHING: Answer = { status: 204, headers: {}, body: null };

/** What the API asks of who is on call. */
export type OnCallProvider = Pick<
  OnCall,
  | "plan"
  | "duties"
  | "schedule"
  | "shifts"
  | "overrides"
  | "addOverride"
  | "deleteOverride"
  | "heartbeats"
> & {
  preview(labels: Labels, atMs: number): PagePreview;
};

interface OnCallDependencies {
  readonly clock: Clock;
  readonly oncall: OnCallProvider;
}

/** Who is on call, who is called, and what must be heard of. */
export function addOnCallRoutes(app: Hono, dependencies: OnCallDependencies): void {
  const { clock } = dependencies;
  const ofSchedule = `${ONCALL_PATH}/schedules/:name`;
  addRoute(app, ["GET"], ONCALL_PATH, () => success(oncallJson(dependencies.oncall)));
  addRoute(app, ["GET"], `${ofSchedule}/shifts`, async (request, context) => {
    const name = nameOf(context);
    const parameters = await parametersOf(request);
    const fromMs = timeParameter(parameters, "start", clock.nowMs());
    const toMs = timeParameter(parameters, "end", fromMs + SHIFTS_RANGE_MS);
    if (toMs < fromMs) throw badData("end time is before start time");
    if (toMs - fromMs > SHIFTS_RANGE_MS_MAX)
      throw badData(`from start to end are more than ${formatDuration(SHIFTS_RANGE_MS_MAX)}`);
    const schedule = dependencies.oncall.schedule(name);
    const layers = schedule.layers.map((layer) => ({
      name: layer.name,
      shifts: shifts({ ...schedule, layers: [layer], overrides: [] }, fromMs, toMs).map(shiftJson),
    }));
    return success({
      ...{ schedule: name, timeZone: schedule.timeZone, layers },
      shifts: dependencies.oncall.shifts(name, fromMs, toMs).map(shiftJson),
    });
  });
  addRoute(app, ["GET"], `${ofSchedule}/calendar.ics`, (_request, context) => {
    const nowMs = clock.nowMs();
    const schedule = dependencies.oncall.schedule(nameOf(context));
    const shifts = dependencies.oncall.shifts(schedule.name, nowMs, nowMs + CALENDAR_RANGE_MS);
    const text = new TextEncoder().encode(shiftCalendar(schedule, shifts, nowMs));
    return wholeAnswer(text, "text/calendar; charset=utf-8");
  });
  addMethods(app, `${ofSchedule}/overrides`, {
    GET: (_request, context) =>
      success({ overrides: dependencies.oncall.overrides(nameOf(context)).map(overrideJson) }),
    POST: (request, context) => addOverride(request, nameOf(context), dependencies.oncall),
  });
  addMethods(app, `${ofSchedule}/overrides/:id`, {
    DELETE: async (request, context) => {
      const refused = refusedFromElsewhere(request);
      if (refused !== undefined) return refused;
      await dependencies.oncall.deleteOverride(nameOf(context), context.req.param("id") ?? "");
      return NOTHING;
    },
  });
  addMethods(app, `${ONCALL_PATH}/preview`, {
    GET: async (request) => preview(await askedPreview(request), clock, dependencies.oncall),
    POST: async (request) =>
      preview(await jsonBody(request, pagePreviewBodySchema), clock, dependencies.oncall),
  });
  addRoute(app, ["GET"], HEARTBEATS_PATH, () =>
    success({ heartbeats: dependencies.oncall.heartbeats.list().map(heartbeatJson) }),
  );
  addRoute(app, ["POST"], `${HEARTBEATS_PATH}/:name`, async (request, context) => {
    const refused = refusedFromElsewhere(request);
    if (refused !== undefined) return refused;
    const name = nameOf(context);
    await dependencies.oncall.heartbeats.hear(name);
    const heard = dependencies.oncall.heartbeats.list().find((each) => each.name === name);
    if (heard === undefined) throw new OperatingError("not_found", `${name} is gone`);
    return success(heartbeatJson(heard));
  });
}

function nameOf(context: Context): string {
  return context.req.param("name") ?? "";
}

function oncallJson(oncall: OnCallProvider): OnCallJson {
  const { contacts, teams, policies } = oncall.plan;
  return {
    schedules: oncall.duties().map(({ schedule, onDuty, untilMs, next }) => ({
      name: schedule.name,
      timeZone: schedule.timeZone,
      now: onDuty === null ? null : onDutyJson(onDuty),
      until: untilMs === null ? null : formatTime(untilMs),
      next: next === null ? null : shiftJson(next),
    })),
    contacts: [...contacts.values()].map(({ name, receivers }) => ({
      name,
      receivers: [...receivers],
    })),
    teams: [...teams].map(([name, members]) => ({ name, members: [...members] })),
    policies: policies.map(({ name, severities, priorities, matchers, steps, repeat }) => ({
      name,
      severities: severities === undefined ? null : [...severities],
      priorities: priorities === undefined ? null : [...priorities],
      matchers: matchers.map(formatAlertMatcher),
      steps: steps.map(({ afterMs, notify }) => ({
        after: formatDuration(afterMs),
        notify: notify.map((target) => ({ ...target })),
      })),
      repeat:
        repeat === undefined
          ? null
          : { after: formatDuration(repeat.afterMs), times: repeat.times },
    })),
  };
}

function onDutyJson({ contact, via }: OnDuty) {
  return {
    contact,
    layer: via.kind === "layer" ? via.name : null,
    override: via.kind === "override" ? via.id : null,
  };
}

function shiftJson({ onDuty, startsAtMs, endsAtMs }: Shift) {
  return {
    onDuty: onDuty === null ? null : onDutyJson(onDuty),
    startsAt: formatTime(startsAtMs),
    endsAt: formatTime(endsAtMs),
  };
}

function overrideJson(override: KeptOverride) {
  const { id, schedule, contact, startsAtMs, endsAtMs, createdBy: by, comment } = override;
  return {
    ...{ id, schedule, contact, by, comment },
    startsAt: formatTime(startsAtMs),
    endsAt: formatTime(endsAtMs),
    createdAt: formatTime(override.createdAtMs),
  };
}

function heartbeatJson({ name, withinMs, lastSeenMs, missingSinceMs }: HeartbeatStatus) {
  return {
    name,
    within: formatDuration(withinMs),
    lastSeen: lastSeenMs === null ? null : formatTime(lastSeenMs),
    missingSince: missingSinceMs === null ? null : formatTime(missingSinceMs),
  };
}

async function addOverride(
  request: Request,
  schedule: string,
  oncall: OnCallProvider,
): Promise<Answer> {
  const refused = refusedFromElsewhere(request);
  if (refused !== undefined) return refused;
  const { contact, start, end, by, comment = "" } = await jsonBody(request, overrideBodySchema);
  const startsAtMs = timeOf("start", start);
  const endsAtMs = timeOf("end", end);
  const draft = { schedule, contact, startsAtMs, endsAtMs, createdBy: by, comment };
  return success(overrideJson(await oncall.addOverride(draft)));
}

/** @throws OperatingError `input.invalid` */
export function timeOf(name: string, text: string): number {
  const timeMs = parseTime(text);
  if (timeMs === undefined) throw invalidParameter(name, `${JSON.stringify(text)} is no time`);
  return timeMs;
}

interface AskedPreview {
  readonly labels: Readonly<Record<string, string>>;
  readonly at?: string | undefined;
}

async function askedPreview(request: Request): Promise<AskedPreview> {
  const parameters = await parametersOf(request);
  const at = parameters.get("at") || undefined;
  let labels: unknown;
  try {
    labels = JSON.parse(parameters.get("labels") ?? "");
  } catch (error) {
    const hint = `expected a JSON object such as {"alertname":"Down"}`;
    throw badData(`invalid parameter "labels": ${hint}`, error);
  }
  return parseFields(pagePreviewBodySchema, at === undefined ? { labels } : { labels, at });
}

function preview({ labels, at }: AskedPreview, clock: Clock, oncall: OnCallProvider): Answer {
  const nowMs = clock.nowMs();
  const times = at === undefined ? [nowMs, nowMs + LATER_MS] : [timeOf("at", at)];
  const of = labelsFrom(labels);
  const answer: PagePreviewJson = {
    labels: labelsObject(of),
    times: times.map((atMs) => previewJson(oncall.preview(of, atMs))),
  };
  return success(answer);
}

function previewJson(found: PagePreview): PagePreviewJson["times"][number] {
  const { atMs, silencedBy, inhibitedBy, routes, escalation } = found;
  return {
    at: formatTime(atMs),
    told: isTold(found),
    silencedBy: [...silencedBy],
    inhibitedBy: [...inhibitedBy],
    routes: routes.map(({ route, integrations, mutedBy }) => ({
      key: route.key,
      receiver: route.receiver,
      integrations: [...integrations],
      groupWait: formatDuration(route.groupWaitMs),
      mutedBy: [...mutedBy],
    })),
    escalation:
      escalation === undefined
        ? null
        : {
            policy: escalation.policy,
            steps: escalation.steps.map(({ step, atMs: stepMs, names, receivers, gaps }) => ({
              step,
              at: formatTime(stepMs),
              names: [...names],
              receivers: [...receivers],
              gaps: [...gaps],
            })),
          },
  };
}
