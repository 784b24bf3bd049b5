import { formatValue, type Label, labelsFrom, OperatingError } from "@pharos/base";
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

export function ruleStateToJson(state: RuleState): RuleStateJson {
  return {
    version: FORMAT_VERSION,
    evaluatedAtMs: state.evaluatedAtMs ?? null,
    alerts: [...state.alerts.values()].map(({ labels, annotations, value, state }) => ({
      labels,
      annotations,
      value: formatValue(value),
      state: { ...state },
    })),
  };
}

/** @throws OperatingError `disk.corrupt` where `json` is not what `ruleStateToJson` wrote. */
export function ruleStateFromJson(json: unknown): RuleState {
  const root = object(json, "rule state");
  if (root["version"] !== FORMAT_VERSION)
    throw corrupt(`version ${String(root["version"])}; this program reads ${FORMAT_VERSION}`);
  const evaluatedAtMs =
    root["evaluatedAtMs"] === null ? undefined : number(root["evaluatedAtMs"], "evaluatedAtMs");
  return ruleStateOf(list(root["alerts"], "alerts").map(alertFromJson), evaluatedAtMs);
}

function alertFromJson(json: unknown): Alert {
  const alert = object(json, "alert");
  return {
    labels: labelsFrom(pairs(alert["labels"])),
    annotations: pairs(alert["annotations"]),
    value: parseValue(alert["value"]),
    state: stateFromJson(object(alert["state"], "alert state")),
  };
}

function stateFromJson(state: Readonly<Record<string, unknown>>): Alert["state"] {
  const activeAtMs = number(state["activeAtMs"], "activeAtMs");
  switch (state["phase"]) {
    case "pending":
      return { phase: "pending", activeAtMs };
    case "firing": {
      const falseSinceMs =
        state["falseSinceMs"] === null ? null : number(state["falseSinceMs"], "falseSinceMs");
      return {
        phase: "firing",
        activeAtMs,
        firedAtMs: number(state["firedAtMs"], "firedAtMs"),
        falseSinceMs,
      };
    }
    case "resolved":
      return {
        phase: "resolved",
        activeAtMs,
        firedAtMs: number(state["firedAtMs"], "firedAtMs"),
        resolvedAtMs: number(state["resolvedAtMs"], "resolvedAtMs"),
      };
    default:
      throw corrupt(`phase ${String(state["phase"])}`);
  }
}

function corrupt(reason: string): OperatingError {
  return new OperatingError("disk.corrupt", `stored alert state: ${reason}`);
}

function object(json: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw corrupt(`${what} is no object`);
  return json as Readonly<Record<string, unknown>>;
}

function list(json: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(json)) throw corrupt(`${what} is no list`);
  return json;
}

function number(json: unknown, what: string): number {
  if (typeof json !== "number") throw corrupt(`${what} is no number`);
  return json;
}

function parseValue(json: unknown): number {
  if (typeof json !== "string") throw corrupt("value is no text");
  return Number(json.replace("Inf", "Infinity"));
}

function pairs(json: unknown): Label[] {
  return list(json, "labels").map((pair) => {
    const [name, value] = list(pair, "label");
    if (typeof name !== "string" || typeof value !== "string") throw corrupt("label is no text");
    return [name, value];
  });
}
