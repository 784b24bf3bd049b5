import type { Matcher } from "@pharos/base";
import type { Priority } from "../incident/severity.ts";
import { onCallAt, type Schedule } from "./schedule.ts";

/** Who is there, who is on call when, and who is told when nobody is at an incident. */
export interface OnCallPlan {
  /** By name. */
  readonly contacts: ReadonlyMap<string, Contact>;
  /** Names of contacts, by the name of their team. */
  readonly teams: ReadonlyMap<string, readonly string[]>;
  readonly schedules: ReadonlyMap<string, Schedule>;
  /** In order: the first one that is for an incident counts. */
  readonly policies: readonly EscalationPolicy[];
}

export const NO_ONCALL_PLAN: OnCallPlan = {
  contacts: new Map(),
  teams: new Map(),
  schedules: new Map(),
  policies: [],
};

/** A person, or a phone that somebody carries. */
export interface Contact {
  readonly name: string;
  /** Names of receivers; at least one. */
  readonly receivers: readonly string[];
}

/** Whom to tell, step by step, while nobody acknowledges an incident. */
export interface EscalationPolicy {
  readonly name: string;
  /** For incidents with an alert of one of these severities, whatever the case of letters; of any where absent. */
  readonly severities?: readonly string[];
  /** The same by what severities mean. */
  readonly priorities?: readonly Priority[];
  /** The same alert must match all of these. */
  readonly matchers: readonly Matcher[];
  /** At least one; none is due before the one in front of it. */
  readonly steps: readonly EscalationStep[];
  /** Begins with the first step again so long after the last one, so many times. */
  readonly repeat?: { readonly afterMs: number; readonly times: number };
}

export interface EscalationStep {
  /** From when the incident began to need somebody. */
  readonly afterMs: number;
  /** At least one. */
  readonly notify: readonly EscalationTarget[];
}

export interface EscalationTarget {
  readonly kind: "contact" | "team" | "schedule" | "receiver";
  readonly name: string;
}

/** Who is to be told, at a time. */
export interface ResolvedTargets {
  /** Names of receivers, each once. */
  readonly receivers: readonly string[];
  /** For people to read: `ada (schedule primary)`. */
  readonly names: readonly string[];
  /** Why somebody that the step names is not told. */
  readonly gaps: readonly string[];
}

/** @param isReachable whether a receiver is there and tells anybody. */
export function resolveTargets(
  targets: readonly EscalationTarget[],
  plan: OnCallPlan,
  timeMs: number,
  isReachable: (receiver: string) => boolean,
): ResolvedTargets {
  const receivers = new Set<string>();
  const names = new Set<string>();
  const gaps: string[] = [];
  const tell = (contact: string, how: string): void => {
    const known = plan.contacts.get(contact)?.receivers.filter(isReachable) ?? [];
    if (known.length === 0) gaps.push(`${contact} cannot be reached`);
    else names.add(`${contact}${how}`);
    for (const receiver of known) receivers.add(receiver);
  };
  for (const { kind, name } of targets)
    switch (kind) {
      case "contact":
        tell(name, "");
        break;
      case "team":
        for (const member of plan.teams.get(name) ?? []) tell(member, ` (team ${name})`);
        break;
      case "schedule": {
        const schedule = plan.schedules.get(name);
        const onDuty = schedule === undefined ? undefined : onCallAt(schedule, timeMs);
        if (onDuty === undefined) gaps.push(`nobody is on call in ${name}`);
        else tell(onDuty.contact, ` (schedule ${name})`);
        break;
      }
      case "receiver":
        if (isReachable(name)) {
          receivers.add(name);
          names.add(`receiver ${name}`);
        } else gaps.push(`receiver ${name} cannot be reached`);
    }
  return { receivers: [...receivers], names: [...names], gaps };
}
