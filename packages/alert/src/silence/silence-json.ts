import { createMatcher, type Matcher, StoredJson } from "@pharos/base";
import type { Silence } from "./silence.ts";

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;

type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** A matcher as Alertmanager's API has it. */
export interface MatcherJson {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
  readonly [key: string]: JsonValue;
}

export function matcherToJson({ name, type, value }: Matcher): MatcherJson {
  return {
    name,
    value,
    isRegex: type === "=~" || type === "!~",
    isEqual: type === "=" || type === "=~",
  };
}

/** @throws OperatingError `input.invalid` for a regular expression that RE2 does not accept. */
export function matcherFromJson({ name, value, isRegex, isEqual }: MatcherJson): Matcher {
  if (isRegex) return createMatcher(isEqual ? "=~" : "!~", name, value);
  return createMatcher(isEqual ? "=" : "!=", name, value);
}

/** What a silence is kept as: plain JSON. */
export function silenceToJson(silence: Silence): { readonly [key: string]: JsonValue } {
  const { matchers, annotations, recurrence, ...rest } = silence;
  return {
    version: FORMAT_VERSION,
    ...rest,
    matchers: matchers.map(matcherToJson),
    annotations: Object.entries(annotations),
    recurrence: recurrence === undefined ? null : { ...recurrence },
  };
}

/** @throws OperatingError `disk.corrupt` where `json` is not what `silenceToJson` wrote. */
export function silenceFromJson(json: unknown): Silence {
  const root = new StoredJson(json, "silence");
  root.member("version").version(FORMAT_VERSION);
  const recurrence = root.member("recurrence");
  const matchers = root.member("matchers").items();
  return {
    id: root.member("id").text(),
    matchers: matchers.map((matcher) =>
      matcherFromJson({
        name: matcher.member("name").text(),
        value: matcher.member("value").text(),
        isRegex: matcher.member("isRegex").boolean(),
        isEqual: matcher.member("isEqual").boolean(),
      }),
    ),
    startsAtMs: root.member("startsAtMs").number(),
    endsAtMs: root.member("endsAtMs").number(),
    createdBy: root.member("createdBy").text(),
    comment: root.member("comment").text(),
    annotations: Object.fromEntries(root.member("annotations").pairs()),
    updatedAtMs: root.member("updatedAtMs").number(),
    ...(recurrence.isNull()
      ? {}
      : {
          recurrence: {
            rrule: recurrence.member("rrule").text(),
            durationMs: recurrence.member("durationMs").number(),
            timeZone: recurrence.member("timeZone").text(),
          },
        }),
  };
}
