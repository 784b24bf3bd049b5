import type { Matcher } from "@pharos/base";

/** When a silence hides alerts again and again. */
export interface Recurrence {
  /** RFC 5545 without `RRULE:`, such as `FREQ=WEEKLY;BYDAY=SU`. Its first window begins at the silence's `startsAtMs`. */
  readonly rrule: string;
  /** How long each window lasts on a running clock, whatever the clock on the wall does meanwhile. */
  readonly durationMs: number;
  /** A zone of the IANA database: the windows begin at the same time of its day, summer and winter. */
  readonly timeZone: string;
}

/**
 * Hides matching alerts for a time. Without a recurrence from `startsAtMs` to `endsAtMs`; with one, in each window that
 * begins between the two, and none reaches beyond `endsAtMs`.
 */
export interface Silence {
  readonly id: string;
  /** All must hold. */
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly updatedAtMs: number;
  readonly recurrence?: Recurrence;
}

/** A recurring silence is active between its windows as well: it is in force, though it hides nothing just now. */
export type SilenceState = "pending" | "active" | "expired";

/** As Alertmanager has it: both ends belong to the silence. */
export function silenceState(
  silence: Pick<Silence, "startsAtMs" | "endsAtMs">,
  nowMs: number,
): SilenceState {
  if (nowMs < silence.startsAtMs) return "pending";
  return nowMs > silence.endsAtMs ? "expired" : "active";
}
