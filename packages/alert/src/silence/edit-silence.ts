import { type Matcher, matchesValue, OperatingError } from "@pharos/base";
import { type Recurrence, recurrenceProblem } from "./recurrence.ts";
import type { Silence } from "./silence.ts";

/** A silence as somebody asks for it: with the id of the one that it replaces, or without for a new one. */
export interface SilenceDraft {
  readonly id?: string;
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly recurrence?: Recurrence;
}

/** How many silences are kept, expired ones among them. */
export const SILENCES_MAX = 20_000;
export const SILENCE_MATCHERS_MAX = 100;
/** Of all texts of one silence together, in UTF-16 units. */
export const SILENCE_LENGTH_MAX = 64 * 1024;

/**
 * What is wrong with a draft, in Alertmanager's words where it has some; undefined where nothing is. Whether a silence
 * with its id exists is the caller's matter.
 */
export function validateSilence(draft: SilenceDraft, nowMs: number): string | undefined {
  const { matchers, startsAtMs, endsAtMs, recurrence } = draft;
  if (!Number.isFinite(startsAtMs)) return "invalid zero start timestamp";
  if (!Number.isFinite(endsAtMs)) return "invalid zero end timestamp";
  if (startsAtMs >= endsAtMs) return "start time must be before end time";
  if (endsAtMs < nowMs) return "end time can't be in the past";
  if (matchers.length === 0) return "at least one matcher required";
  if (matchers.length > SILENCE_MATCHERS_MAX)
    return `${matchers.length} matchers; at most ${SILENCE_MATCHERS_MAX} are allowed`;
  for (const [index, { name, value }] of matchers.entries()) {
    if (name === "" || !name.isWellFormed())
      return `invalid label matcher ${index}: invalid label name ${JSON.stringify(name)}`;
    if (!value.isWellFormed())
      return `invalid label matcher ${index}: invalid label value ${JSON.stringify(value)}`;
  }
  if (matchers.every(wantsEmpty)) return "at least one matcher must not match the empty string";
  const length = lengthOf(draft);
  if (length > SILENCE_LENGTH_MAX)
    return `silence exceeded maximum size: ${length} characters (limit: ${SILENCE_LENGTH_MAX})`;
  return recurrence === undefined ? undefined : recurrenceProblem(recurrence, startsAtMs, endsAtMs);
}

/** As Alertmanager counts it: `!=` and `!~` hold for an absent label too, and pass nevertheless. */
function wantsEmpty(matcher: Matcher): boolean {
  return (matcher.type === "=" || matcher.type === "=~") && matchesValue(matcher, "");
}

function lengthOf({ matchers, createdBy, comment, annotations = {} }: SilenceDraft): number {
  const texts = [createdBy, comment, ...Object.entries(annotations).flat()];
  for (const { name, value } of matchers) texts.push(name, value);
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/** What keeping a draft changes: `silence` is written, and so is `replaced` where there is one. */
export interface SilenceEdit {
  readonly silence: Silence;
  /** The silence that the draft named, ended now, since it could not be changed without changing what was. */
  readonly replaced?: Silence;
}

/**
 * Keeps a draft that `validateSilence` finds good. Where `before` is the silence of the draft's id, it is changed in
 * place as far as that leaves the past as it was; else it ends, and the draft becomes a silence of its own, `newId`.
 *
 * A new silence does not begin before now, unless it recurs: then its start also says when in the day it does.
 */
export function setSilence(
  before: Silence | undefined,
  draft: SilenceDraft,
  nowMs: number,
  newId: string,
): SilenceEdit {
  const silence: Silence = {
    id: newId,
    matchers: draft.matchers,
    startsAtMs: draft.startsAtMs,
    endsAtMs: draft.endsAtMs,
    createdBy: draft.createdBy,
    comment: draft.comment,
    annotations: draft.annotations ?? {},
    updatedAtMs: nowMs,
    ...(draft.recurrence === undefined ? {} : { recurrence: draft.recurrence }),
  };
  if (before !== undefined && canUpdate(before, draft, nowMs))
    return { silence: { ...silence, id: before.id, matchers: before.matchers } };
  const startsAtMs =
    draft.recurrence === undefined ? Math.max(draft.startsAtMs, nowMs) : draft.startsAtMs;
  const replaced = before === undefined ? undefined : expireSilence(before, nowMs);
  return {
    silence: { ...silence, startsAtMs },
    ...(replaced === undefined ? {} : { replaced }),
  };
}

/** The silence ended now; undefined where it has ended already. */
export function expireSilence(silence: Silence, nowMs: number): Silence | undefined {
  if (nowMs >= silence.endsAtMs) return undefined;
  const startsAtMs = Math.min(silence.startsAtMs, nowMs);
  return { ...silence, startsAtMs, endsAtMs: nowMs, updatedAtMs: nowMs };
}

function canUpdate(before: Silence, draft: SilenceDraft, nowMs: number): boolean {
  if (matchersKey(before.matchers) !== matchersKey(draft.matchers)) return false;
  if (nowMs >= before.endsAtMs) return false;
  if (nowMs < before.startsAtMs) return draft.startsAtMs >= nowMs;
  // It has begun: the start stays, as far as amtool and pages tell it, which is to the second.
  const hasSameStart = Math.floor(before.startsAtMs / 1000) === Math.floor(draft.startsAtMs / 1000);
  return hasSameStart && draft.endsAtMs >= nowMs && isSameRecurrence(before, draft);
}

/** Whatever the order. */
function matchersKey(matchers: readonly Matcher[]): string {
  return matchers
    .map(({ name, type, value }) => JSON.stringify([name, type, value]))
    .sort()
    .join();
}

function isSameRecurrence(
  { recurrence: a }: Pick<Silence, "recurrence">,
  { recurrence: b }: Pick<Silence, "recurrence">,
): boolean {
  return a?.rrule === b?.rrule && a?.durationMs === b?.durationMs && a?.timeZone === b?.timeZone;
}

/** @throws OperatingError `queue.full` where one more silence would be too many. */
export function checkSilenceCount(count: number, countMax = SILENCES_MAX): void {
  if (count >= countMax)
    throw new OperatingError(
      "queue.full",
      `exceeded maximum number of silences: ${count} (limit: ${countMax}); expired ones go after some days`,
    );
}
