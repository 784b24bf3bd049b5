import { NO_ONCALL_PLAN, type OnCallPlan } from "@pharos/alert";
import type { Matcher } from "@pharos/base";
import type { ReceiverConfig } from "@pharos/notify";

/** What the file says of who is called, and how. */
export interface OnCallConfig {
  readonly plan: OnCallPlan;
  /** Those that contacts have of their own, beside the receivers of alertmanager.yml; named `oncall/<contact>`. */
  readonly receivers: readonly ReceiverConfig[];
  /** Tells somebody outside that we are alive. */
  readonly heartbeat:
    | { readonly receivers: readonly string[]; readonly intervalMs: number }
    | undefined;
  /** What must keep being heard of. */
  readonly expected: readonly ExpectedHeartbeat[];
  /** Who is told that a silence is about to end. */
  readonly silenceReminder:
    | { readonly receivers: readonly string[]; readonly beforeMs: number }
    | undefined;
  /** How long an acknowledgement lasts that does not say so; undefined for as long as its incident. */
  readonly acknowledgementMs: number | undefined;
}

/** An alert that must keep firing, or a request that must keep coming. */
export interface ExpectedHeartbeat {
  readonly name: string;
  /** Of the alert; none where only requests count. */
  readonly matchers: readonly Matcher[];
  readonly withinMs: number;
  /** Of the alert that fires when it stays away. */
  readonly severity: string;
}

export const NO_ONCALL_CONFIG: OnCallConfig = {
  plan: NO_ONCALL_PLAN,
  receivers: [],
  heartbeat: undefined,
  expected: [],
  silenceReminder: undefined,
  acknowledgementMs: undefined,
};
