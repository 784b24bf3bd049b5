import type { GroupAlert, HeardAlert } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { AlertSync } from "./alert-sync.ts";
import type { DispatchState } from "./dispatch-state.ts";
import { BEAT_INTERVAL_MS } from "./heartbeats.ts";
import type { LiveGroup } from "./live-group.ts";
import { endedBy, type Placement } from "./placement.ts";
import { alertRemoval } from "./stored-alert.ts";
import type { ToldElsewhere } from "./told-elsewhere.ts";

/** How often is forgotten what nobody needs any more. */
const COLLECTING_INTERVAL_MS = 60_000;

export interface UpkeepOptions {
  readonly placement: Placement;
  /** Undefined where no other server uses the store. */
  readonly sync: AlertSync | undefined;
  /** Undefined for the same. */
  readonly elsewhere: ToldElsewhere | undefined;
  /** Ends it: what fails then is nobody's concern. */
  readonly signal: AbortSignal;
}

/** What a dispatcher does beside its groups: follows the clock and other servers, and forgets what is over. */
export class Upkeep {
  readonly #state: DispatchState;
  readonly #placement: Placement;
  readonly #sync: AlertSync | undefined;
  readonly #elsewhere: ToldElsewhere | undefined;
  readonly #signal: AbortSignal;
  #jumpCount: number;
  #collectedAtMs: number;
  #reclaimedAtMs: number;

  constructor(state: DispatchState, { placement, sync, elsewhere, signal }: UpkeepOptions) {
    this.#state = state;
    this.#placement = placement;
    this.#sync = sync;
    this.#elsewhere = elsewhere;
    this.#signal = signal;
    this.#jumpCount = state.jumps.count();
    this.#collectedAtMs = state.clock.monotonicMs();
    this.#reclaimedAtMs = state.clock.monotonicMs();
  }

  /** What groups are looked at with. */
  async beforeFlush(): Promise<void> {
    await this.#watchClock();
    await this.#hearOthers();
  }

  async afterFlush(): Promise<void> {
    await this.#reclaim();
    await this.#collect();
  }

  /** A clock that was set back must not put groups off by as much, nor make what is over fire again. */
  async #watchClock(): Promise<void> {
    const { table, intake, clock, jumps } = this.#state;
    const count = jumps.count();
    if (count === this.#jumpCount) return;
    this.#jumpCount = count;
    const nowMs = clock.nowMs();
    for (const group of table.values()) boundTimer(group, nowMs);
    table.queue.rebuild();
    const ended: HeardAlert[] = [];
    for (const { alert, origin, timedOut } of intake.all())
      if (origin === "rules" && !timedOut && alert.endsAtMs !== null && alert.endsAtMs > nowMs)
        ended.push({ alert: endedBy(alert, nowMs), timedOut });
    await this.#placement.hear(ended, "rules");
  }

  /** Takes in alerts that were posted to other servers. */
  async #hearOthers(): Promise<void> {
    if (this.#sync === undefined) return;
    const { writer, clock, onProblem } = this.#state;
    try {
      const nowMs = clock.nowMs();
      const writes = this.#placement.place(
        this.#placement.adopt(await this.#sync.news(nowMs), nowMs),
        nowMs,
      );
      if (writes.length > 0) await writer.write(writes, "keeping groups");
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      if (!this.#signal.aborted) onProblem(error, "hearing of other servers' alerts");
    }
  }

  /** Says that this server is at work, and sends what those have left that are no more. */
  async #reclaim(): Promise<void> {
    const { shared, leases, deliveries, clock } = this.#state;
    const nowMs = clock.monotonicMs();
    if (!shared || nowMs - this.#reclaimedAtMs < BEAT_INTERVAL_MS) return;
    this.#reclaimedAtMs = nowMs;
    await leases.beat();
    for (const entry of await leases.reclaim()) deliveries.add(entry);
  }

  async #collect(): Promise<void> {
    const { intake, table, records, inhibitor, writer, log, clock, jumps, onProblem } = this.#state;
    if (clock.monotonicMs() - this.#collectedAtMs < COLLECTING_INTERVAL_MS) return;
    this.#collectedAtMs = clock.monotonicMs();
    const nowMs = clock.nowMs();
    await this.#askOthers();
    const inDoubt = records.inDoubt();
    const gone = intake.collect(
      (timestampMs) => jumps.agoMs(timestampMs),
      ({ fingerprint: id, alert }) =>
        table.isInGroup(id) || (inDoubt.has(id) && this.#isTriedAgain(id, alert)),
    );
    for (const { fingerprint, alert } of gone) {
      inhibitor.delete(fingerprint, alert.labels);
      table.forget(fingerprint);
    }
    const writes = gone.map(({ fingerprint }) => alertRemoval(fingerprint));
    writes.push(...records.collect(nowMs, (groupId) => table.get(groupId) !== undefined));
    if (writes.length > 0) await writer.write(writes, "forgetting what is over");
    try {
      await log.prune(nowMs);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      if (!this.#signal.aborted) onProblem(error, "forgetting old deliveries");
    }
  }

  /** What became of notifications that others were sending. */
  async #askOthers(): Promise<void> {
    if (this.#elsewhere === undefined) return;
    try {
      await this.#elsewhere.ask();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      if (!this.#signal.aborted)
        this.#state.onProblem(error, "hearing of other servers' notifications");
    }
  }

  /** Whether an end that was told in vain, by whichever server, is told again: for as long as a repetition waits. */
  #isTriedAgain(id: string, { endsAtMs, labels }: GroupAlert): boolean {
    const { table, jumps } = this.#state;
    if (endsAtMs === null) return true;
    const agoMs = jumps.agoMs(endsAtMs);
    return table.targetsOf(id, labels).some(({ route }) => agoMs <= route.repeatIntervalMs);
  }
}

/** No group waits for longer than its route says, whatever the clock was when its timer was set. */
export function boundTimer(group: LiveGroup, nowMs: number): void {
  const { groupWaitMs, groupIntervalMs } = group.route;
  const leftMsMax = group.flushed ? groupIntervalMs : groupWaitMs;
  group.nextFlushMs = Math.min(group.nextFlushMs, nowMs + leftMsMax);
}
