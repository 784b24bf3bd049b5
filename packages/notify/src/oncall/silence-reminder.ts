import { previewSilence, type Silence, silenceState } from "@pharos/alert";
import {
  type Clock,
  formatDuration,
  type Labels,
  labelsFrom,
  type OperatingError,
} from "@pharos/base";
import type { PageDecision, PageRequest } from "../dispatch/page.ts";
import { Periodic } from "../periodic.ts";

const LOOK_INTERVAL_MS = 30_000;
const MINUTE_MS = 60_000;

export const SILENCE_ENDING = "SilenceEnding";

export interface SilenceReminderOptions {
  readonly clock: Clock;
  readonly silences: { list(): Iterable<Silence> };
  readonly dispatcher: {
    page(page: PageRequest, decide?: PageDecision): Promise<void>;
    alerts(): readonly { readonly alert: { readonly labels: Labels } }[];
  };
  /** Who is told, and how long before the end; undefined for nobody. Asked for anew each time. */
  readonly reminder: () =>
    | { readonly receivers: readonly string[]; readonly beforeMs: number }
    | undefined;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/**
 * Tells once, a while before a silence ends, that it does, and what it hides: what is silenced for a repair that takes
 * longer would wake somebody. One that hides nothing ends in silence, as does one that is shorter than the while. Of
 * one that recurs the last end counts.
 */
export class SilenceReminder implements AsyncDisposable {
  readonly #options: SilenceReminderOptions;
  readonly #periodic: Periodic;
  /** Silences of which was told, with their ends: a silence that is made longer is told of again. */
  readonly #told = new Map<string, number>();

  constructor(options: SilenceReminderOptions) {
    const { clock, onProblem } = options;
    this.#options = options;
    this.#periodic = new Periodic({
      clock,
      startsWith: "turn",
      waitMs: () => LOOK_INTERVAL_MS,
      turn: () => this.#look(),
      onProblem: (error) => onProblem(error, "reminding of silences"),
    });
  }

  async #look(): Promise<void> {
    const { clock, silences, dispatcher, reminder } = this.#options;
    const wanted = reminder();
    if (wanted === undefined) return;
    const nowMs = clock.nowMs();
    const { beforeMs, receivers } = wanted;
    const ending: Silence[] = [];
    for (const silence of silences.list()) {
      const { id, startsAtMs, endsAtMs } = silence;
      if (endsAtMs <= nowMs) this.#told.delete(id);
      const isDue = endsAtMs - beforeMs <= nowMs && startsAtMs < endsAtMs - beforeMs;
      if (!isDue || this.#told.get(id) === endsAtMs) continue;
      if (silenceState(silence, nowMs) === "active") ending.push(silence);
    }
    if (ending.length === 0) return;
    const alerts = dispatcher.alerts().map(({ alert }) => alert);
    for (const silence of ending) {
      const hiddenCount = previewSilence(silence, alerts).length;
      if (hiddenCount === 0) continue;
      await dispatcher.page(pageOf(silence, hiddenCount, receivers, nowMs));
      this.#told.set(silence.id, silence.endsAtMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#periodic[Symbol.asyncDispose]();
  }
}

function pageOf(
  { id, endsAtMs, createdBy, comment }: Silence,
  hiddenCount: number,
  receivers: readonly string[],
  nowMs: number,
): PageRequest {
  const labels = labelsFrom({ alertname: SILENCE_ENDING, silence: id, severity: "info" });
  const left = formatDuration(Math.max(1, Math.round((endsAtMs - nowMs) / MINUTE_MS)) * MINUTE_MS);
  const alerts = hiddenCount === 1 ? "1 alert fires" : `${hiddenCount} alerts fire`;
  const why = comment === "" ? "" : ` (${comment})`;
  return {
    id: `silence-ending/${id}/${endsAtMs}`,
    receivers,
    groupKey: `{}:{alertname="${SILENCE_ENDING}", silence="${id}"}`,
    groupLabels: labelsFrom({ alertname: SILENCE_ENDING, silence: id }),
    routeLabels: [],
    reason: "first notification",
    alerts: [
      {
        labels,
        annotations: [
          ["summary", `A silence of ${createdBy}${why} ends in ${left}; ${alerts} behind it.`],
        ],
        startsAtMs: nowMs,
        endsAtMs: null,
        generatorUrl: "",
      },
    ],
    contextFor: () => ({}),
    followedGroup: undefined,
    // Afterwards the alerts tell by themselves.
    giveUpAtMs: endsAtMs,
  };
}
