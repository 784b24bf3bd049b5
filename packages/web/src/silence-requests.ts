import { formatDuration } from "@pharos/base";
import type { ApiTransport } from "./api-transport.ts";
import { isRegex } from "./silence-draft.ts";
import {
  readPreview,
  readSilence,
  type Silence,
  type SilenceMatcher,
  type SilencePreview,
  type SilenceRecurrence,
} from "./silence-state.ts";

/** What is sent to make a silence, or to change the one of `id`. */
export interface SilenceRequest {
  readonly id: string | undefined;
  readonly matchers: readonly SilenceMatcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly recurrence: SilenceRecurrence | undefined;
}

export async function listSilences(
  transport: ApiTransport,
  signal: AbortSignal,
): Promise<Silence[]> {
  return (await transport.get("v2/silences", signal)).list().map(readSilence);
}

export async function loadSilence(
  transport: ApiTransport,
  id: string,
  signal: AbortSignal,
): Promise<Silence> {
  return readSilence(await transport.get(`v2/silence/${encodeURIComponent(id)}`, signal));
}

/** When a silence hides, as far as its preview needs that: only of one that recurs. */
export interface RecurringTimes {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly recurrence: SilenceRecurrence;
}

/** What fires now and the matchers hold for; and when it hides, where it recurs. */
export async function previewSilence(
  transport: ApiTransport,
  matchers: readonly SilenceMatcher[],
  times: RecurringTimes | undefined,
  signal: AbortSignal,
): Promise<SilencePreview> {
  const json = {
    matchers: matchers.map(matcherJson),
    ...(times === undefined ? {} : timesJson(times)),
  };
  return readPreview((await transport.send("v1/silences/preview", { json }, signal)).data);
}

/** Gives the silence's id; a change of what is in force makes a new one. */
export async function saveSilence(
  transport: ApiTransport,
  silence: SilenceRequest,
  signal: AbortSignal,
): Promise<string> {
  const { comment, createdBy, endsAtMs, id, matchers, recurrence, startsAtMs } = silence;
  const json = {
    ...(id === undefined ? {} : { id }),
    matchers: matchers.map(matcherJson),
    ...timesJson({ startsAtMs, endsAtMs, recurrence }),
    createdBy,
    comment,
  };
  return (await transport.send("v1/silences", { json }, signal)).data.get("id").text();
}

function timesJson({
  endsAtMs,
  recurrence,
  startsAtMs,
}: Pick<SilenceRequest, "startsAtMs" | "endsAtMs" | "recurrence">) {
  return {
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: new Date(endsAtMs).toISOString(),
    ...(recurrence === undefined
      ? {}
      : {
          recurrence: {
            rrule: recurrence.rrule,
            duration: formatDuration(recurrence.durationMs),
            timeZone: recurrence.timeZone,
          },
        }),
  };
}

export async function expireSilence(
  transport: ApiTransport,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  await transport.change("DELETE", `v2/silence/${encodeURIComponent(id)}`, undefined, signal);
}

function matcherJson({ name, operator, value }: SilenceMatcher) {
  const isEqual = operator === "=" || operator === "=~";
  return { name, value, isRegex: isRegex(operator), isEqual };
}
