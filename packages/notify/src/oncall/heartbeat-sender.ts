import { type Clock, labelsFrom, type OperatingError } from "@pharos/base";
import type { PageDecision, PageRequest } from "../dispatch/page.ts";
import { Periodic } from "../periodic.ts";

/** Where nothing is to be sent, so often is looked whether that has changed. */
const IDLE_MS = 5_000;

export const WATCHDOG = "Watchdog";

export interface HeartbeatSenderOptions {
  readonly clock: Clock;
  readonly dispatcher: { page(page: PageRequest, decide?: PageDecision): Promise<void> };
  /** Whom to tell, and how often; undefined for nobody. Asked for anew each time. */
  readonly heartbeat: () =>
    | { readonly receivers: readonly string[]; readonly intervalMs: number }
    | undefined;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/**
 * Tells somebody outside again and again that we are alive, on the way that all notifications take: when that stays
 * away, this server, its store, its network or its receivers are in trouble. Of several servers on one store one tells.
 */
export class HeartbeatSender implements AsyncDisposable {
  readonly #options: HeartbeatSenderOptions;
  readonly #periodic: Periodic;
  readonly #startsAtMs: number;

  constructor(options: HeartbeatSenderOptions) {
    const { clock, heartbeat, onProblem } = options;
    this.#options = options;
    this.#startsAtMs = clock.nowMs();
    this.#periodic = new Periodic({
      clock,
      startsWith: "turn",
      waitMs: () => {
        const intervalMs = heartbeat()?.intervalMs;
        // In step with the clock, so that servers tell at the same time, and only one of them does.
        return intervalMs === undefined ? IDLE_MS : intervalMs - (clock.nowMs() % intervalMs);
      },
      turn: () => this.#send(),
      onProblem: (error) => onProblem(error, "sending a heartbeat"),
    });
  }

  async #send(): Promise<void> {
    const { clock, dispatcher, heartbeat } = this.#options;
    const wanted = heartbeat();
    if (wanted === undefined) return;
    const { receivers, intervalMs } = wanted;
    const turn = Math.floor(clock.nowMs() / intervalMs);
    const labels = labelsFrom({ alertname: WATCHDOG, severity: "none" });
    await dispatcher.page({
      id: `watchdog/${intervalMs}/${turn}`,
      receivers,
      groupKey: `{}:{alertname="${WATCHDOG}"}`,
      groupLabels: labelsFrom({ alertname: WATCHDOG }),
      routeLabels: [],
      reason: "heartbeat",
      alerts: [
        {
          labels,
          annotations: [["summary", "Pharos is alive: worry when this stays away."]],
          startsAtMs: this.#startsAtMs,
          endsAtMs: null,
          generatorUrl: "",
        },
      ],
      contextFor: () => ({}),
      followedGroup: undefined,
      giveUpAtMs: (turn + 1) * intervalMs,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#periodic[Symbol.asyncDispose]();
  }
}
