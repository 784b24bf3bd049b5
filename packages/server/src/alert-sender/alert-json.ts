import type { GroupAlert } from "@pharos/alert";
import type { AlertTelling } from "../rules/rule-surroundings.ts";

/** An alert as Alertmanager's API v2 takes it. */
export interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339, with milliseconds, as the one below. */
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

/** Of an alert that fires, the end is when it is over unless it is sent again. */
export function postedAlert(
  { labels, annotations, startsAtMs, endsAtMs, generatorUrl }: GroupAlert,
  { timeMs, validForMs }: AlertTelling,
): PostedAlert {
  return {
    labels: Object.fromEntries(labels),
    annotations: Object.fromEntries(annotations),
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: new Date(endsAtMs ?? timeMs + validForMs).toISOString(),
    generatorURL: generatorUrl,
  };
}
