import { type GroupAlert, type HeardAlert, Inhibitor, isResolved } from "@pharos/alert";
import { type Clock, type Labels, labelsFrom, type OperatingError, type Rng } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { Alarm } from "./alarm.ts";
import type { DispatchCluster } from "./cluster/cluster-dispatch.ts";
import { PeerDispatch } from "./cluster/peer-dispatch.ts";
import type { IntegrationConfig } from "./config/integration-config.ts";
import type { NotificationConfig } from "./config/notification-config.ts";
import { type DeliveryBounds, DeliveryLog } from "./delivery-log.ts";
import type { Attempt, DeliveryStatus } from "./delivery-loop.ts";
import { AlertIntake } from "./dispatch/alert-intake.ts";
import {
  type AlertStatus,
  alertStatuses,
  type GroupStatus,
  groupStatuses,
} from "./dispatch/alert-status.ts";
import { AlertSync } from "./dispatch/alert-sync.ts";
import { type CircuitPolicy, DEFAULT_CIRCUIT } from "./dispatch/circuit.ts";
import { ClockJumps } from "./dispatch/clock-jumps.ts";
import { Deliveries } from "./dispatch/deliveries.ts";
import type { DispatchCounts, DispatchState } from "./dispatch/dispatch-state.ts";
import { DocumentWriter } from "./dispatch/document-writer.ts";
import { GroupFlusher } from "./dispatch/group-flusher.ts";
import { GroupTable } from "./dispatch/group-table.ts";
import { BEAT_INTERVAL_MS } from "./dispatch/heartbeats.ts";
import { Leases } from "./dispatch/leases.ts";
import type { LiveGroup } from "./dispatch/live-group.ts";
import { type KeptDispatch, loadDispatch } from "./dispatch/load-dispatch.ts";
import type { DispatchObserver, Enrich, SeenAlert } from "./dispatch/observer.ts";
import type { PageDecision, PageRequest } from "./dispatch/page.ts";
import { endedBy, Placement } from "./dispatch/placement.ts";
import { acceptPosted, type PostedAlert } from "./dispatch/posted-alert.ts";
import { RecordBook } from "./dispatch/record-book.ts";
import { sendPage } from "./dispatch/send-page.ts";
import { Settlement } from "./dispatch/settlement.ts";
import { GROUP_COLLECTION, type StoredGroup } from "./dispatch/stored-group.ts";
import { recordWrite } from "./dispatch/stored-record.ts";
import type { AlertSuppression } from "./dispatch/suppression.ts";
import { tellAgain } from "./dispatch/tell-again.ts";
import { DEFAULT_RATE_LIMIT, type RateLimit } from "./dispatch/token-bucket.ts";
import { ToldElsewhere } from "./dispatch/told-elsewhere.ts";
import { boundTimer, Upkeep } from "./dispatch/upkeep.ts";
import type { Write } from "./dispatch/write.ts";
import type { Receiver } from "./receiver.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";

export interface DispatcherOptions {
  readonly config: NotificationConfig;
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly createReceiver: (config: IntegrationConfig, receiver: string) => Receiver;
  readonly retry?: RetryPolicy;
  /** Of each integration. */
  readonly rate?: RateLimit;
  readonly circuit?: CircuitPolicy;
  /** How much is kept of what was attempted. */
  readonly deliveryBounds?: DeliveryBounds;
  /** New alerts of one `alertname` beyond this are refused; 0, the default, for no limit. */
  readonly perAlertnameMax?: number;
  /** The ids of the silences that hide an alert now; asked with the same array of labels each time. */
  readonly silencedBy?: (labels: Labels, nowMs: number) => readonly string[];
  readonly observer?: DispatchObserver;
  /** Servers that share no store with this one; undefined where it is alone, or they share one. */
  readonly cluster?: DispatchCluster;
  readonly enrich?: Enrich;
  /** A route's labels for one of its groups; without it they are as the file has them, templates unexpanded. */
  readonly routeLabels?: (group: LiveGroup, alerts: readonly GroupAlert[]) => Labels;
  /** Told of each attempt as it ends, with the key of the integration; for metrics. */
  readonly onAttempt?: (integration: string, attempt: Attempt) => void;
  /** Failures of the world that the dispatcher goes on after; for the log and for metrics. */
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

export interface DispatcherStats extends Readonly<DispatchCounts> {
  readonly alerts: number;
  readonly groups: number;
  readonly outbox: number;
}

/** Observes nothing, holds nothing. */
const NOBODY: DispatchObserver = {
  alertsSeen: () => [],
  attempted: () => [],
  regrouped: () => [],
  heldBecause: () => undefined,
};

/**
 * Turns alerts into notifications that arrive. Memory holds the truth, the store follows: what a flush decided is
 * written in one transaction before anything is sent, so that after a crash at any point each notification is sent
 * again under its key, or decided again. Servers that share a store decide by what is kept, so that one of them tells.
 * Where the store fails, notifications go out all the same: a full disk must not keep anybody from hearing of it.
 */
export class Dispatcher implements AsyncDisposable {
  readonly #options: DispatcherOptions;
  readonly #stop = new AbortController();
  readonly #alarm: Alarm;
  readonly #state: DispatchState;
  readonly #flusher: GroupFlusher;
  readonly #placement: Placement;
  readonly #upkeep: Upkeep;
  /** For servers that share no store with this one. */
  readonly peers: PeerDispatch;
  #running: Promise<unknown> = Promise.resolve();
  readonly #sync: AlertSync | undefined;
  readonly #watches = new DisposableStack();

  private constructor(options: DispatcherOptions) {
    const { store, clock, rng, onProblem } = options;
    this.#options = options;
    this.#alarm = new Alarm(clock, this.#stop.signal);
    const server = rng
      .below(2 ** 32)
      .toString(16)
      .padStart(8, "0");
    const writer = new DocumentWriter({ store, onProblem });
    const deliveries = new Deliveries({
      clock,
      rng,
      retry: options.retry ?? DEFAULT_RETRY,
      rate: options.rate ?? DEFAULT_RATE_LIMIT,
      circuit: options.circuit ?? DEFAULT_CIRCUIT,
      createReceiver: options.createReceiver,
      calls: {
        prepare: (entry, signal) => settlement.prepare(entry, signal),
        claim: (entry) => settlement.claim(entry),
        attempted: async (entry, attempt) => {
          options.onAttempt?.(entry.integration, attempt);
          await settlement.attempted(entry, attempt);
          this.#alarm.ring();
        },
      },
    });
    const { perAlertnameMax = 0, observer = NOBODY } = options;
    this.#state = {
      clock,
      shared: store.shared,
      intake: new AlertIntake({
        ...{ server, perAlertnameMax },
        shared: store.shared || options.cluster !== undefined,
      }),
      table: new GroupTable(options.config.route),
      records: new RecordBook(),
      writer,
      jumps: new ClockJumps(clock),
      leases: new Leases(server, store, writer, clock),
      cluster: options.cluster,
      superseded: new Map(),
      deliveries,
      log: new DeliveryLog(store, server, options.deliveryBounds),
      observer,
      routeLabels: options.routeLabels ?? ((group) => labelsFrom(group.route.labels)),
      silencedBy: options.silencedBy ?? (() => []),
      onProblem,
      counts: { delivered: 0, failed: 0, retried: 0, refusedAlerts: 0 },
      config: options.config,
      inhibitor: new Inhibitor(options.config.inhibitRules),
    };
    this.#flusher = new GroupFlusher(this.#state);
    const settlement = new Settlement(this.#state, this.#flusher, options.enrich);
    if (store.shared) this.#sync = new AlertSync(store, server, clock.nowMs());
    this.#placement = new Placement(this.#state, () => this.#alarm.ring());
    this.peers = new PeerDispatch(this.#state, this.#placement, settlement);
    this.#upkeep = new Upkeep(this.#state, {
      placement: this.#placement,
      sync: this.#sync,
      elsewhere: store.shared ? new ToldElsewhere(this.#state, store) : undefined,
      signal: this.#stop.signal,
    });
  }

  /**
   * Takes up what the last process left: timers that ran out meanwhile are due at once. What fired is believed for
   * another `resolve_timeout`, in which whoever told of it is to tell again.
   *
   * @throws OperatingError of the store.
   */
  static async open(options: DispatcherOptions): Promise<Dispatcher> {
    const { store, clock, onProblem, config } = options;
    const kept = await loadDispatch(store, clock.nowMs(), onProblem);
    const dispatcher = new Dispatcher(options);
    await dispatcher.#state.deliveries.apply(config);
    await dispatcher.#state.leases.beat();
    await dispatcher.#takeUp(kept);
    dispatcher.#running = dispatcher.#run();
    if (dispatcher.#sync !== undefined)
      dispatcher.#watches.use(dispatcher.#sync.watch(() => dispatcher.#alarm.ring()));
    return dispatcher;
  }

  /**
   * Hears of our rules' alerts that began, changed or ended; telling again what is known changes nothing. Resolves when
   * a crash no longer loses what is new.
   */
  async update(alerts: readonly GroupAlert[]): Promise<void> {
    this.#stop.signal.throwIfAborted();
    const nowMs = this.#options.clock.nowMs();
    await this.#placement.hear(
      alerts.map((alert) => ({ alert: endedBy(alert, nowMs), timedOut: false })),
      "rules",
    );
  }

  /**
   * Takes alerts that somebody posts, as Alertmanager does: those that are right are taken even where others are
   * wrong. Gives what is wrong, a text for each. Resolves as `update`.
   */
  async post(posted: readonly PostedAlert[]): Promise<readonly string[]> {
    this.#stop.signal.throwIfAborted();
    const nowMs = this.#options.clock.nowMs();
    const { resolveTimeoutMs } = this.#state.config;
    const heard: HeardAlert[] = [];
    const problems: string[] = [];
    for (const each of posted) {
      const accepted = acceptPosted(each, resolveTimeoutMs, nowMs);
      if (typeof accepted === "string") problems.push(accepted);
      else heard.push(accepted);
    }
    await this.#placement.hear(heard, "posted");
    return problems;
  }

  /** Takes another configuration: alerts are grouped anew, groups that stay keep their timers and records. */
  async apply(config: NotificationConfig): Promise<void> {
    const { table, records, deliveries, intake, observer, writer, clock } = this.#state;
    this.#state.config = config;
    const orphans = await deliveries.apply(config);
    for (const entry of orphans) await this.#flusher.drop(entry);
    const nowMs = clock.nowMs();
    const { gone, moved } = table.setRoot(config.route);
    const writes: Write[] = gone.map(({ id }) => ({
      collection: GROUP_COLLECTION,
      id,
      document: undefined,
    }));
    if (gone.length > 0) {
      const ids = gone.map(({ id }) => id);
      writes.push(...observer.regrouped(ids, nowMs));
    }
    this.#state.inhibitor = new Inhibitor(config.inhibitRules);
    for (const { fingerprint, alert } of intake.all())
      this.#state.inhibitor.set({ fingerprint, ...alert });
    writes.push(...this.#placement.carry(moved, nowMs));
    const firing = [...intake.all()].filter(({ alert }) => !isResolved(alert, nowMs));
    const before = new Set([...table.values()].map(({ id }) => id));
    writes.push(...this.#placement.place(firing, nowMs));
    // What is known of groups that were there at some time before.
    for (const { id, members } of table.values())
      if (!before.has(id)) writes.push(...records.renew(id, members).map(recordWrite));
    this.#alarm.ring();
    await writer.write(writes, "grouping alerts anew");
  }

  /**
   * Tells receivers outside the routes, with the guarantees of every notification: decided once, kept together with
   * what `decide` writes, sent at least once under one key. A page whose id was asked for before is not sent again.
   *
   * @param decide asked in the transaction whether the page is still wanted; what it gives is written too. With
   *   undefined nothing is kept or sent. Without a transaction where the store fails: the page is sent all the same.
   * @throws OperatingError `not_found` where none of its receivers is configured; then nothing is kept.
   */
  async page(page: PageRequest, decide: PageDecision = async () => []): Promise<void> {
    await sendPage(this.#state, page, decide);
  }

  /** All alerts that are not over. */
  alerts(): readonly AlertStatus[] {
    return alertStatuses(this.#state);
  }

  /** What would keep an alert with these labels from being told then, as far as it is known now. */
  hiddenBy(labels: Labels, atMs: number): Pick<AlertSuppression, "inhibitedBy" | "silencedBy"> {
    const { inhibitor, silencedBy } = this.#state;
    return {
      inhibitedBy: inhibitor.inhibitedBy(labels, atMs),
      silencedBy: silencedBy(labels, atMs),
    };
  }

  /** All groups in which something fires. */
  groups(): readonly GroupStatus[] {
    return groupStatuses(this.#state);
  }

  /** The alerts whose first group it is, those that resolved of late too; undefined where there is no such group. */
  alertsOf(groupId: string): readonly SeenAlert[] | undefined {
    const { table } = this.#state;
    const group = table.get(groupId);
    if (group === undefined) return undefined;
    const alerts: SeenAlert[] = [];
    for (const [id, alert] of group.members)
      if (table.firstGroupOf(id) === groupId) alerts.push({ alert });
    return alerts;
  }

  /** Every attempt to notify. */
  get log(): DeliveryLog {
    return this.#state.log;
  }

  get config(): NotificationConfig {
    return this.#state.config;
  }

  /** How it stands with each integration, by key. */
  integrations(): ReadonlyMap<string, DeliveryStatus> {
    return this.#state.deliveries.status();
  }

  /** When the oldest notification was decided that is not delivered yet; undefined where all are. */
  oldestUndeliveredMs(): number | undefined {
    return this.#state.deliveries.oldestMs();
  }

  /** How to send to an integration outside all order, for a test of it. */
  receiver(integration: string): Receiver | undefined {
    return this.#state.deliveries.receiver(integration);
  }

  stats(): DispatcherStats {
    const { counts, intake, table, deliveries } = this.#state;
    return {
      ...counts,
      alerts: intake.size,
      groups: table.size,
      outbox: deliveries.waitingCount(),
    };
  }

  /** These alerts are held no longer: who was told of them is told again, as after `repeat_interval`. */
  async tellAgain(fingerprints: Iterable<string>): Promise<void> {
    await tellAgain(this.#state, fingerprints);
    this.#alarm.ring();
  }

  /** Somebody changed what keeps alerts from being told; due groups are looked at. */
  wake(): void {
    this.#alarm.ring();
  }

  /** Stops without losing anything: what is not sent yet is sent after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#watches.dispose();
    this.#state.writer.close();
    await Promise.all([this.#running, this.#state.deliveries.stop()]);
    await this.#state.leases.end();
  }

  async #takeUp(kept: KeptDispatch): Promise<void> {
    const { intake, inhibitor, records, table, deliveries, leases, writer, config, clock } =
      this.#state;
    const nowMs = clock.nowMs();
    for (const record of kept.records) records.set(record);
    const untilMs = nowMs + config.resolveTimeoutMs;
    const known = kept.alerts.map((stored) => intake.restore(stored, untilMs, nowMs));
    for (const { fingerprint, alert } of known) inhibitor.set({ fingerprint, ...alert });
    const timers = new Map(kept.groups.map((group) => [group.id, group]));
    const placed = this.#placement.place(known, nowMs);
    for (const group of table.values()) this.#takeUpTimer(group, timers, nowMs);
    const writes = [...kept.writes, ...placed];
    for (const { id } of timers.values())
      writes.push({ collection: GROUP_COLLECTION, id, document: undefined });
    await writer.write(writes, "starting");
    for (const entry of kept.entries) {
      if (!leases.isOurs(entry, nowMs)) continue;
      if (!deliveries.add(entry)) await this.#flusher.drop(entry);
    }
  }

  /** Those that are left in `timers` belong to no group. */
  #takeUpTimer(group: LiveGroup, timers: Map<string, StoredGroup>, nowMs: number): void {
    const { table } = this.#state;
    const stored = timers.get(group.id);
    if (stored === undefined) return;
    timers.delete(group.id);
    group.flushed = stored.flushed;
    group.isKept = true;
    group.nextFlushMs = Math.max(stored.nextFlushMs, nowMs);
    boundTimer(group, nowMs);
    table.requeue(group);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { clock } = this.#options;
    const { table } = this.#state;
    try {
      for (;;) {
        const { bell } = this.#alarm;
        await this.#upkeep.beforeFlush();
        await this.#flusher.flushDue();
        await this.#upkeep.afterFlush();
        const nextMs = table.queue.nextMs();
        const leftMs = nextMs === undefined ? undefined : nextMs - clock.nowMs();
        const sleepMs = this.#state.shared ? BEAT_INTERVAL_MS : leftMs;
        await this.#alarm.waitFor(Math.min(leftMs ?? Infinity, sleepMs ?? Infinity), bell);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
