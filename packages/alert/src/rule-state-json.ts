import { formatValue, type Labels, labelsFrom, mergeLabels, StoredJson } from "@pharos/base";
import { fingerprint } from "./fingerprint.ts";
import { type Alert, type RuleState, ruleStateOf } from "./rule-state.ts";

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;

/** What a state is kept as: plain JSON. Values are text, because JSON has no NaN. */
export interface RuleStateJson {
  readonly version: number;
  readonly evaluatedAtMs: number | null;
  readonly alerts: readonly AlertJson[];
  readonly [key: string]: JsonValue;
}

interface AlertJson {
  /** Of the labels that people are told, for reports in SQL; nothing reads it back. */
  readonly fingerprint: string;
  readonly labels: readonly (readonly [string, string])[];
  readonly annotations: readonly (readonly [string, string])[];
  readonly value: string;
  readonly state: { readonly [key: string]: JsonValue };
  readonly [key: string]: JsonValue;
}

type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** @param externalLabels what alerts have besides where they are told. */
export function ruleStateToJson(state: RuleState, externalLabels: Labels = []): RuleStateJson {
  return {
    version: FORMAT_VERSION,
    evaluatedAtMs: state.evaluatedAtMs ?? null,
    alerts: [...state.alerts.values()].map(({ labels, annotations, value, state }) => ({
      fingerprint: fingerprint(mergeLabels(externalLabels, labels)),
      labels,
      annotations,
      value: formatValue(value),
      state: { ...state },
    })),
  };
}

/** @throws OperatingError `disk.corrupt` where `json` is not what `ruleStateToJson` wrote. */
export function ruleStateFromJson(json: unknown): RuleState {
  const root = new StoredJson(json, "rule state");
  root.member("version").version(FORMAT_VERSION);
  const evaluatedAt = root.member("evaluatedAtMs");
  const alerts = root.member("alerts").items().map(alertFromJson);
  return ruleStateOf(alerts, evaluatedAt.isNull() ? undefined : evaluatedAt.number());
}

function alertFromJson(alert: StoredJson): Alert {
  return {
    labels: labelsFrom(alert.member("labels").pairs()),
    annotations: alert.member("annotations").pairs(),
    value: Number(alert.member("value").text().replace("Inf", "Infinity")),
    state: stateFromJson(alert.member("state")),
  };
}

function stateFromJson(state: StoredJson): Alert["state"] {
  const activeAtMs = state.member("activeAtMs").number();
  const phase = state.member("phase").oneOf(["pending", "firing", "resolved"]);
  if (phase === "pending") return { phase, activeAtMs };
  const firedAtMs = state.member("firedAtMs").number();
  if (phase === "resolved")
    return { phase, activeAtMs, firedAtMs, resolvedAtMs: state.member("resolvedAtMs").number() };
  const falseSince = state.member("falseSinceMs");
  return {
    phase,
    activeAtMs,
    firedAtMs,
    falseSinceMs: falseSince.isNull() ? null : falseSince.number(),
  };
}
