import { type Silence, silenceState } from "@pharos/alert";
import { ALERTMANAGER_VERSION } from "@pharos/api";
import type { Clock } from "@pharos/base";
import type { Dispatcher, PostedAlert, SilenceBook } from "@pharos/notify";
import { BUILD_INFO } from "../build-info.ts";
import type { OwnMetrics } from "../own-metrics.ts";
import type { ReloadStatus } from "../part-metrics.ts";

/** Counting the alerts by state looks at each: for at most this share of the time. */
const COUNTING_SHARE_MAX = 1 / 100;

/** The alerts that were posted. */
export class AlertmanagerCounts {
  firing = 0;
  resolved = 0;
  invalid = 0;

  /** Alerts were posted, of which so many were wrong. */
  posted(alerts: readonly PostedAlert[], invalid: number, nowMs: number): void {
    for (const { endsAtMs } of alerts)
      if (endsAtMs !== undefined && endsAtMs <= nowMs) this.resolved++;
      else this.firing++;
    this.invalid += invalid;
  }
}

export interface AlertmanagerParts {
  readonly clock: Clock;
  readonly dispatcher: Pick<Dispatcher, "alerts" | "config" | "stats">;
  readonly silences: Pick<SilenceBook, "list">;
  readonly counts: AlertmanagerCounts;
  reloaded(): ReloadStatus;
}

/**
 * What Alertmanager says of itself at `/metrics`, under its names: Karma finds out by them whom it talks to, and people
 * have dashboards and alerts for them.
 */
export function addAlertmanagerMetrics(metrics: OwnMetrics, parts: AlertmanagerParts): void {
  const { clock, dispatcher, silences, counts } = parts;
  const { revision, runtimeVersion } = BUILD_INFO;
  const build = { version: ALERTMANAGER_VERSION, branch: `pharos-${BUILD_INFO.version}` };
  metrics.gauge(
    "alertmanager_build_info",
    "The release of Alertmanager whose API this is, always 1.",
    () => [[{ ...build, revision, goversion: runtimeVersion }, 1]],
    ["version", "branch", "revision", "goversion"],
  );
  const alerts = seldom(clock, () => alertsByState(dispatcher));
  metrics.gauge("alertmanager_alerts", "Alerts that fire, by state.", alerts, ["state"]);
  metrics.gauge(
    "alertmanager_silences",
    "Silences, by state.",
    () => silencesByState(silences.list(), clock.nowMs()),
    ["state"],
  );
  metrics.counter(
    "alertmanager_alerts_received_total",
    "Alerts that were posted, by what they say.",
    () => [
      [{ status: "firing", version: "v2" }, counts.firing],
      [{ status: "resolved", version: "v2" }, counts.resolved],
    ],
    ["status", "version"],
  );
  metrics.counter(
    "alertmanager_alerts_invalid_total",
    "Alerts that were posted and wrong.",
    () => [[{ version: "v2" }, counts.invalid]],
    ["version"],
  );
  metrics.gauge(
    "alertmanager_receivers",
    "Receivers that are configured.",
    () => dispatcher.config.receivers.length,
  );
  metrics.gauge("alertmanager_integrations", "Their integrations.", () =>
    dispatcher.config.receivers.reduce((sum, { integrations }) => sum + integrations.length, 0),
  );
  metrics.gauge(
    "alertmanager_dispatcher_aggregation_groups",
    "Groups of alerts.",
    () => dispatcher.stats().groups,
  );
  metrics.gauge(
    "alertmanager_config_last_reload_successful",
    "Whether the last attempt to load the configuration succeeded.",
    () => Number(parts.reloaded().ok),
  );
  metrics.gauge(
    "alertmanager_config_last_reload_success_timestamp_seconds",
    "When the configuration was last loaded.",
    () => parts.reloaded().atMs / 1000,
  );
}

type ByState = readonly (readonly [{ readonly state: string }, number])[];

function alertsByState(dispatcher: AlertmanagerParts["dispatcher"]): ByState {
  const all = dispatcher.alerts();
  const suppressed = all.filter(({ state }) => state === "suppressed").length;
  return [
    [{ state: "active" }, all.length - suppressed],
    [{ state: "suppressed" }, suppressed],
    // As with Alertmanager, which looks at each alert when it is asked.
    [{ state: "unprocessed" }, 0],
  ];
}

function silencesByState(silences: Iterable<Silence>, nowMs: number): ByState {
  const counts = { active: 0, expired: 0, pending: 0 };
  for (const silence of silences) counts[silenceState(silence, nowMs)]++;
  return Object.entries(counts).map(([state, count]) => [{ state }, count]);
}

/** What `read` gave last, read again as soon as it has taken no more than its share of the time. */
function seldom<T>(clock: Clock, read: () => T): () => T {
  let last: { readonly value: T; readonly untilMs: number } | undefined;
  return () => {
    const startMs = clock.monotonicMs();
    if (last !== undefined && startMs < last.untilMs) return last.value;
    const value = read();
    const endMs = clock.monotonicMs();
    last = { value, untilMs: endMs + (endMs - startMs) / COUNTING_SHARE_MAX };
    return value;
  };
}
