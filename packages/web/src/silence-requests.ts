import { formatDuration } from "@pharos/base";
import type { ApiTransport } from "./api-transport.ts";
import { formatOne, isRegex } from "./silence-draft.ts";
import {
  type HiddenAlert,
  readHiddenAlert,
  readSilence,
  type Silence,
  type SilenceMatcher,
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

/** The alerts of now that all matchers hold for, whatever else hides them. */
export async function alertsHiddenBy(
  transport: ApiTransport,
  matchers: readonly SilenceMatcher[],
  signal: AbortSignal,
): Promise<HiddenAlert[]> {
  const query = new URLSearchParams();
  for (const matcher of matchers) query.append("filter", formatOne(matcher));
  return (await transport.get(`v2/alerts?${query}`, signal)).list().map(readHiddenAlert);
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
    matchers: matchers.map(({ name, operator, value }) => ({
      name,
      value,
      isRegex: isRegex(operator),
      isEqual: operator === "=" || operator === "=~",
    })),
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: new Date(endsAtMs).toISOString(),
    createdBy,
    comment,
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
  const answer = await transport.change("POST", "v2/silences", { json }, signal);
  return answer.get("silenceID").text();
}

export async function expireSilence(
  transport: ApiTransport,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  await transport.change("DELETE", `v2/silence/${encodeURIComponent(id)}`, undefined, signal);
}
