import {
  activeWindow,
  matcherFromJson,
  parseMatchers,
  previewSilence,
  type Silence,
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
    const { matchers } = await jsonBody(request, silencePreviewBodySchema);
    const statuses = dependencies.alertmanager.dispatcher.alerts();
    const byLabels = new Map(statuses.map((status) => [status.alert, status]));
    const hidden = previewSilence(
      { matchers: matchersOf(matchers) },
      statuses.map(({ alert }) => alert),
    );
    return success({
      total: statuses.length,
      count: hidden.length,
      alerts: hidden.slice(0, ALERTS_SHOWN_MAX).map((alert) => {
        const { fingerprint = "", silencedBy = [] } = byLabels.get(alert) ?? {};
        return { fingerprint, labels: labelsObject(alert.labels), silencedBy };
      }),
    });
  });
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
    window:
      window === undefined
        ? null
        : { startsAt: formatTime(window.startsAtMs), endsAt: formatTime(window.endsAtMs) },
  };
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
