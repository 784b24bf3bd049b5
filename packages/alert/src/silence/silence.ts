import type { Matcher } from "@pharos/base";
import { type Recurrence, singleWindow } from "./recurrence.ts";

/**
 * Hides matching alerts for a time. Without a recurrence from `startsAtMs` to `endsAtMs`; with one, in each window that
 * begins between the two, and none reaches beyond `endsAtMs`. The end does not belong to it.
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

/** "active" hides alerts now; "pending" will, be it for the first time or after a window; "expired" never will again. */
export type SilenceState = "pending" | "active" | "expired";

export function silenceState(
  silence: Pick<Silence, "startsAtMs" | "endsAtMs" | "recurrence">,
  nowMs: number,
): SilenceState {
  if (nowMs >= silence.endsAtMs) return "expired";
  const window = singleWindow(silence, nowMs);
  if (window === undefined) return "expired";
  return window.startsAtMs <= nowMs ? "active" : "pending";
}

/** How long an expired silence can still be looked at, as in Alertmanager where nothing else is said. */
export const SILENCE_RETENTION_MS = 120 * 3_600_000;

/** Whether a silence is over for so long that it may be deleted. */
export function isSilenceForgotten(
  silence: Pick<Silence, "endsAtMs">,
  nowMs: number,
  retentionMs = SILENCE_RETENTION_MS,
): boolean {
  return silence.endsAtMs + retentionMs <= nowMs;
}
