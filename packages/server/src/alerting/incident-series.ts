import type { Incident } from "@pharos/alert";
import {
  type Clock,
  type Labels,
  labelsFrom,
  labelsKey,
  labelValue,
  METRIC_NAME,
  type OperatingError,
} from "@pharos/base";
import { Periodic } from "@pharos/notify";
import type { SampleBatch } from "@pharos/ports";
import { ruleBatch } from "../rules/rule-samples.ts";

/** How often incidents are written; a query sees each for as long as it is open. */
export const INCIDENT_SERIES_INTERVAL_MS = 15_000;

/** What an incident says of itself; a group's label of that name stands beside it, as with scraped samples. */
const OWN_LABELS = ["status", "priority", "receiver"] as const;

export interface IncidentSeriesOptions {
  readonly clock: Clock;
  readonly live: () => readonly Incident[];
  /** @throws OperatingError where nothing was written. */
  readonly append: (batch: SampleBatch) => Promise<unknown>;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/**
 * Writes open incidents as the series `INCIDENTS`, so that their history can be queried as `ALERTS` can: 1 while an
 * incident has these labels, with a staleness marker when it has not any more.
 */
export class IncidentSeries implements AsyncDisposable {
  readonly #options: IncidentSeriesOptions;
  readonly #periodic: Periodic;
  /** What was written last, by key. */
  #written: ReadonlyMap<string, Labels> = new Map();

  constructor(options: IncidentSeriesOptions) {
    const { clock, onProblem } = options;
    this.#options = options;
    this.#periodic = new Periodic({
      clock,
      startsWith: "wait",
      waitMs: () => INCIDENT_SERIES_INTERVAL_MS,
      turn: () => this.#write(clock.nowMs()),
      onProblem: (error) => onProblem(error, "writing the series of incidents"),
    });
  }

  /** Series are not ended: a restart continues them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#periodic[Symbol.asyncDispose]();
  }

  async #write(timestampMs: number): Promise<void> {
    const { live, append } = this.#options;
    const series = new Map<string, Labels>();
    for (const incident of live()) {
      if (incident.status === "resolved") continue;
      const labels = incidentSeries(incident);
      // Groups of different routes may look the same here: one series for both.
      series.set(labelsKey(labels), labels);
    }
    const stale: Labels[] = [];
    for (const [key, labels] of this.#written) if (!series.has(key)) stale.push(labels);
    if (series.size + stale.length === 0) return;
    const labelSets = [...series.values()];
    const values = new Array<number>(labelSets.length).fill(1);
    await append(ruleBatch({ labelSets, values, stale }, timestampMs));
    this.#written = series;
  }
}

/** `INCIDENTS{status, priority, severity, receiver, alertname, …}` with the labels of the incident's group. */
export function incidentSeries(incident: Incident): Labels {
  const { group, status, priority, severity, alerts } = incident;
  const labels = new Map(group.labels);
  for (const name of OWN_LABELS) {
    const value = labels.get(name);
    if (value !== undefined) labels.set(`exported_${name}`, value);
  }
  const names = new Set([...alerts.values()].map((alert) => labelValue(alert.labels, "alertname")));
  const [only = ""] = names;
  if (!labels.has("alertname") && names.size === 1 && only !== "") labels.set("alertname", only);
  if (!labels.has("severity") && severity !== "") labels.set("severity", severity);
  labels.set(METRIC_NAME, "INCIDENTS");
  labels.set("status", status);
  labels.set("priority", priority);
  if (group.receiver !== "") labels.set("receiver", group.receiver);
  return labelsFrom(labels);
}
