import {
  activeWindow,
  matcherFromJson,
  parseMatchers,
  previewSilence,
  recurrenceProblem,
  type Silence,
  type TimeWindow,
} from "@pharos/alert";
import { SILENCES_PATH, silenceBodySchema, silencePreviewBodySchema } from "@pharos/api";
import { type Clock, type Matcher, OperatingError } from "@pharos/base";
import type { Dispatcher, SilenceBook } from "@pharos/notify";
import type { Hono } from "hono";
import type { z } from "zod";
import { addRoute } from "./add-route.ts";
import { silenceJson } from "./alertmanager-json.ts";
import { type Answer, formatTime, labelsObject, success } from "./answer.ts";
import { badData } from "./errors.ts";
import { jsonBody } from "./json-body.ts";
import { timeOf } from "./oncall-routes.ts";
import { parseDurationText } from "./parameters.ts";
import { refusedFromElsewhere } from "./rule-request.ts";

/** Alerts that a preview names. */
const ALERTS_SHOWN_MAX = 100;
/** Windows that a preview names. */
const WINDOWS_SHOWN_MAX = 5;

interface SilenceDependencies {
  readonly clock: Clock;
  readonly alertmanager: {
    readonly dispatcher: Pick<Dispatcher, "alerts">;
    readonly silences: Pick<SilenceBook, "set">;
  };
}

/** Silences with what Alertmanager's API has no words for. They are listed, found and ended there. */
export function addSilenceRoutes(app: Hono, dependencies: SilenceDependencies): void {
  addRoute(app, ["POST"], SILENCES_PATH, (request) => postSilence(request, dependencies));
  addRoute(app, ["POST"], `${SILENCES_PATH}/preview`, async (request) => {
    const body = await jsonBody(request, silencePreviewBodySchema);
    const windows = windowsOf(body, dependencies.clock.nowMs());
    const statuses = dependencies.alertmanager.dispatcher.alerts();
    const byLabels = new Map(statuses.map((status) => [status.alert, status]));
    const hidden = previewSilence(
      { matchers: matchersOf(body.matchers) },
      statuses.map(({ alert }) => alert),
    );
    return success({
      total: statuses.length,
      count: hidden.length,
      alerts: hidden.slice(0, ALERTS_SHOWN_MAX).map((alert) => {
        const { fingerprint = "", silencedBy = [] } = byLabels.get(alert) ?? {};
        return { fingerprint, labels: labelsObject(alert.labels), silencedBy };
      }),
      windows: windows.map(windowJson),
    });
  });
}

/** When what is previewed hides, from now on; none where its end was not said. @throws OperatingError `input.invalid` */
function windowsOf(
  { startsAt, endsAt, recurrence }: z.output<typeof silencePreviewBodySchema>,
  nowMs: number,
): TimeWindow[] {
  if (endsAt === undefined) return [];
  const startsAtMs = startsAt === undefined ? nowMs : timeOf("startsAt", startsAt);
  const endsAtMs = timeOf("endsAt", endsAt);
  const recurring = {
    ...{ startsAtMs, endsAtMs },
    ...(recurrence === undefined ? {} : { recurrence: recurrenceOf(recurrence) }),
  };
  const problem =
    recurring.recurrence === undefined
      ? undefined
      : recurrenceProblem(recurring.recurrence, startsAtMs, endsAtMs);
  if (problem !== undefined) throw badData(problem);
  const windows: TimeWindow[] = [];
  for (let atMs = nowMs; windows.length < WINDOWS_SHOWN_MAX; ) {
    const window = activeWindow(recurring, atMs);
    if (window === undefined) break;
    windows.push(window);
    atMs = window.endsAtMs;
  }
  return windows;
}

type SilenceBody = z.output<typeof silenceBodySchema>;

async function postSilence(
  request: Request,
  { clock, alertmanager }: SilenceDependencies,
): Promise<Answer> {
  const refused = refusedFromElsewhere(request);
  if (refused !== undefined) return refused;
  const body = await jsonBody(request, silenceBodySchema);
  const nowMs = clock.nowMs();
  const { id, createdBy, comment = "", annotations, recurrence } = body;
  const kept = await alertmanager.silences.set({
    ...(id === undefined ? {} : { id }),
    matchers: matchersOf(body.matchers),
    startsAtMs: body.startsAt === undefined ? nowMs : timeOf("startsAt", body.startsAt),
    endsAtMs: timeOf("endsAt", body.endsAt),
    ...{ createdBy, comment },
    ...(annotations === undefined ? {} : { annotations }),
    ...(recurrence === undefined ? {} : { recurrence: recurrenceOf(recurrence) }),
  });
  return success(keptJson(kept, nowMs));
}

function recurrenceOf({
  rrule,
  duration,
  timeZone = "UTC",
}: NonNullable<SilenceBody["recurrence"]>) {
  return { rrule, durationMs: parseDurationText(duration), timeZone };
}

function keptJson(silence: Silence, nowMs: number): object {
  const window = activeWindow(silence, nowMs);
  return {
    ...(silenceJson(silence, nowMs) as object),
    window: window === undefined ? null : windowJson(window),
  };
}

function windowJson({ startsAtMs, endsAtMs }: TimeWindow) {
  return { startsAt: formatTime(startsAtMs), endsAt: formatTime(endsAtMs) };
}

function matchersOf(written: SilenceBody["matchers"]): Matcher[] {
  try {
    return written.flatMap((one) =>
      typeof one === "string"
        ? parseMatchers(one).matchers
        : matcherFromJson({ ...one, isEqual: one.isEqual ?? true }),
    );
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw badData(error.message, error);
  }
}
