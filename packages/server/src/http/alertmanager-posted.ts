import { matcherFromJson, type SilenceDraft } from "@pharos/alert";
import type { PostableAlert, PostableSilence } from "@pharos/api";
import { type Matcher, OperatingError } from "@pharos/base";
import type { PostedAlert } from "@pharos/notify";
import { parseDateTime, problem, type Read, unparsable, wrongFormat } from "./alertmanager-body.ts";
import type { Answer } from "./answer.ts";

/** An alert of a body that fits its schema; `index` is its place in it. */
export function postedAlert(alert: PostableAlert, index: number): Read<PostedAlert> {
  const startsAtMs = parseDateTime(alert.startsAt ?? "");
  if (startsAtMs === undefined) return { refused: noTime("alerts", alert.startsAt ?? "") };
  const endsAtMs = parseDateTime(alert.endsAt ?? "");
  if (endsAtMs === undefined) return { refused: noTime("alerts", alert.endsAt ?? "") };
  const generatorUrl = alert.generatorURL ?? "";
  if (generatorUrl !== "" && !isUri(generatorUrl))
    return { refused: wrongFormat(`${index}.generatorURL`, "body", "uri", generatorUrl) };
  return {
    value: {
      labels: alert.labels,
      annotations: alert.annotations ?? [],
      ...(startsAtMs === "zero" ? {} : { startsAtMs }),
      ...(endsAtMs === "zero" ? {} : { endsAtMs }),
      generatorUrl,
    },
  };
}

/** As Go's `url.ParseRequestURI`: absolute, or a path. */
function isUri(text: string): boolean {
  return text.startsWith("/") || URL.canParse(text);
}

function noTime(name: string, text: string): Answer {
  return unparsable(name, `${JSON.stringify(text)} is no time such as 2026-01-31T15:04:05Z`);
}

/** A silence of such a body; whether it makes sense is for the silences to say. */
export function silenceDraft(silence: PostableSilence, nowMs: number): Read<SilenceDraft> {
  const startsAtMs = parseDateTime(silence.startsAt);
  if (startsAtMs === undefined) return { refused: noTime("silence", silence.startsAt) };
  const endsAtMs = parseDateTime(silence.endsAt);
  if (endsAtMs === undefined) return { refused: noTime("silence", silence.endsAt) };
  const matchers: Matcher[] = [];
  for (const [index, { name, value, isRegex, isEqual }] of silence.matchers.entries()) {
    try {
      matchers.push(matcherFromJson({ name, value, isRegex, isEqual: isEqual ?? true }));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const text = `silence invalid: invalid label matcher ${index}: ${error.message}`;
      return { refused: problem(400, text) };
    }
  }
  const { id, createdBy, comment, annotations } = silence;
  return {
    value: {
      ...(id === undefined || id === null || id === "" ? {} : { id }),
      matchers,
      startsAtMs: startsAtMs === "zero" ? nowMs : startsAtMs,
      endsAtMs: endsAtMs === "zero" ? Number.NEGATIVE_INFINITY : endsAtMs,
      createdBy,
      comment,
      annotations: Object.fromEntries(annotations ?? []),
    },
  };
}

/** Times are checked by Alertmanager's API, the rest by its silences, each of which begins in its own way. */
export function silenceProblem(message: string): string {
  const isTime = message.startsWith("start time") || message.startsWith("end time");
  return isTime ? `Failed to create silence: ${message}` : `silence invalid: ${message}`;
}
