import {
  type AlertGroup,
  emptyGroup,
  type GroupAlert,
  groupKey,
  groupLabels,
  hashLabels,
  type Integration,
  type PlannedNotification,
  stepGroup,
} from "@pharos/alert";
import { assert, type Clock, OperatingError, type Rng } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { Alarm } from "./alarm.ts";
import { integrationsOf, type NotificationConfig } from "./config/notification-config.ts";
import type { WebhookConfig } from "./config/webhook-config.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { type Delivery, DeliveryLoop } from "./delivery-loop.ts";
import { entryWrite, groupWrite, needsWriting, takeOver } from "./outbox.ts";
import type { Receiver } from "./receiver.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
import {
  entryFromDocument,
  GROUP_COLLECTION,
  groupFromDocument,
  OUTBOX_COLLECTION,
  type OutboxEntry,
  performWrite,
  type Write,
} from "./stored-group.ts";

/** More groups than this are not notified; the alerts are refused and counted. */
export const GROUPS_MAX = 10_000;
/** More alerts than this, over all groups, are refused and counted. */
export const ALERTS_MAX = 100_000;
/** So many notifications of a group wait for one integration; beyond it the newest takes the place of the one before. */
export const OUTBOX_PER_GROUP_MAX = 16;
const OUTBOX_DOCUMENTS_MAX = 1_000_000;

export interface DispatcherOptions {
  readonly config: NotificationConfig;
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly createReceiver: (config: WebhookConfig) => Receiver;
  readonly retry?: RetryPolicy;
  /** Failures of the world that the dispatcher goes on after; for the log and for metrics. */
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Counts since the start. */
export interface DispatcherStats {
  readonly groups: number;
  readonly outbox: number;
  readonly delivered: number;
  readonly failed: number;
  readonly retried: number;
  readonly refusedAlerts: number;
}

/**
 * Turns alerts into notifications that arrive. Memory holds the truth, the store follows: a group and the
 * notifications that its flush decided are written in one transaction before anything is sent, so that after a crash
 * at any point each one is sent again under its key, or decided again. Where the store fails, notifications go out all
 * the same: a full disk must not keep anybody from hearing of it.
 */
export class Dispatcher implements AsyncDisposable {
  readonly #options: DispatcherOptions;
  readonly #stop = new AbortController();
  readonly #alarm: Alarm;
  readonly #groups = new Map<string, AlertGroup>();
  readonly #loops = new Map<string, DeliveryLoop>();
  readonly #log: DeliveryLog;
  #config: NotificationConfig;
  #integrations: readonly Integration[] = [];
  #running: Promise<void> = Promise.resolve();
  /** Documents that could not be written, by collection and id: the next transaction tries them again. */
  readonly #unwritten = new Map<string, Write>();
  readonly #counts = { delivered: 0, failed: 0, retried: 0, refusedAlerts: 0 };

  private constructor(options: DispatcherOptions, log: DeliveryLog) {
    this.#options = options;
    this.#config = options.config;
    this.#log = log;
    this.#alarm = new Alarm(options.clock, this.#stop.signal);
  }

  /**
   * Takes up what the last process left: timers that ran out meanwhile are due at once.
   *
   * @throws OperatingError of the store.
   */
  static async open(options: DispatcherOptions): Promise<Dispatcher> {
    const log = await DeliveryLog.open(options.store);
    const dispatcher = new Dispatcher(options, log);
    await dispatcher.#load();
    dispatcher.#running = dispatcher.#run();
    return dispatcher;
  }

  /**
   * Hears of alerts that began, changed or ended; telling again what is known changes nothing. Resolves when a crash
   * no longer loses what is new.
   */
  async update(alerts: readonly GroupAlert[]): Promise<void> {
    this.#stop.signal.throwIfAborted();
    const nowMs = this.#options.clock.nowMs();
    const byGroup = new Map<string, GroupAlert[]>();
    for (const alert of alerts) {
      const key = groupKey(groupLabels(this.#config.route, alert.labels));
      const list = byGroup.get(key) ?? [];
      list.push(alert);
      byGroup.set(key, list);
    }
    const writes: Write[] = [];
    let alertCount = this.#alertCount();
    for (const [key, list] of byGroup) {
      const before = this.#groups.get(key);
      if (before === undefined && !this.#hasRoomFor(list, alertCount)) continue;
      alertCount += list.length;
      const after = this.#addToGroup(before, list, nowMs);
      if (after !== undefined && needsWriting(before, after, nowMs)) writes.push(groupWrite(after));
    }
    if (writes.length === 0) return;
    this.#alarm.ring();
    await this.#write(writes, "keeping alerts");
  }

  /** Takes another configuration: alerts are grouped anew, groups that stay keep their timers and records. */
  async apply(config: NotificationConfig): Promise<void> {
    this.#config = config;
    const orphans = await this.#replaceIntegrations();
    const writes = this.#adopt([...this.#groups.values()], orphans);
    this.#alarm.ring();
    await this.#write(writes, "grouping alerts anew");
  }

  /** The groups as they are now, in no particular order. */
  groups(): readonly AlertGroup[] {
    return [...this.#groups.values()];
  }

  stats(): DispatcherStats {
    let outbox = 0;
    for (const loop of this.#loops.values()) outbox += loop.entries().length;
    return { ...this.#counts, groups: this.#groups.size, outbox };
  }

  /** Stops without losing anything: what is not sent yet is sent after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#running, ...[...this.#loops.values()].map((loop) => loop.stop())]);
  }

  async #load(): Promise<void> {
    const { store } = this.#options;
    const [groups, entries] = await store.transaction(
      async (tx) =>
        [
          await tx.list(GROUP_COLLECTION, { limit: GROUPS_MAX }),
          await tx.list(OUTBOX_COLLECTION, { limit: OUTBOX_DOCUMENTS_MAX }),
        ] as const,
    );
    const kept = this.#readable(groups, groupFromDocument);
    const orphans = await this.#replaceIntegrations();
    const writes = this.#adopt(kept, orphans);
    for (const entry of this.#readable(entries, entryFromDocument)) {
      const loop = this.#loops.get(entry.integration);
      if (loop === undefined) writes.push(this.#dropEntry(entry));
      else loop.add(entry);
    }
    if (writes.length > 0) await this.#write(writes, "starting with another configuration");
  }

  /** A damaged document is reported and left where it is; the others must not suffer for it. */
  #readable<D, T>(documents: readonly D[], read: (document: D) => T): T[] {
    return documents.flatMap((document) => {
      try {
        return [read(document)];
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        this.#options.onProblem(error, "reading what was kept");
        return [];
      }
    });
  }

  /** Makes the delivery loops fit the configuration; gives the notifications of those that are no more. */
  async #replaceIntegrations(): Promise<OutboxEntry[]> {
    const { createReceiver, clock, rng, retry = DEFAULT_RETRY } = this.#options;
    const wanted = integrationsOf(this.#config);
    this.#integrations = wanted.map(({ key, config }) => ({
      key,
      sendResolved: config.sendResolved,
    }));
    const orphans: OutboxEntry[] = [];
    const ended: Promise<void>[] = [];
    for (const [key, loop] of this.#loops) {
      if (wanted.some((integration) => integration.key === key)) continue;
      this.#loops.delete(key);
      orphans.push(...loop.entries());
      ended.push(loop.stop());
    }
    for (const { key, config } of wanted) {
      const receiver = createReceiver(config);
      const loop = this.#loops.get(key);
      if (loop !== undefined) loop.setReceiver(receiver);
      else
        this.#loops.set(
          key,
          new DeliveryLoop({
            receiver,
            retry,
            clock,
            rng,
            settle: (entry, delivery) => this.#settle(entry, delivery),
            retrying: (_entry, error) => {
              this.#counts.retried++;
              this.#options.onProblem(error, `notifying ${key}, to be tried again`);
            },
          }),
        );
    }
    await Promise.all(ended);
    return orphans;
  }

  /** Sorts the alerts of `groups` into the groups of the present route. */
  #adopt(groups: readonly AlertGroup[], orphans: readonly OutboxEntry[]): Write[] {
    const nowMs = this.#options.clock.nowMs();
    this.#groups.clear();
    const moved: GroupAlert[] = [];
    const writes = orphans.map((entry) => this.#dropEntry(entry));
    for (const group of groups) {
      const stays = [...group.alerts.values()].every(
        (alert) => groupKey(groupLabels(this.#config.route, alert.labels)) === group.key,
      );
      if (stays) {
        this.#groups.set(group.key, group);
        continue;
      }
      moved.push(...group.alerts.values());
      writes.push({ collection: GROUP_COLLECTION, id: group.key, document: undefined });
    }
    for (const alert of moved) {
      const key = groupKey(groupLabels(this.#config.route, alert.labels));
      const group = this.#addToGroup(this.#groups.get(key), [alert], nowMs);
      if (group !== undefined) writes.push(groupWrite(group));
    }
    return writes;
  }

  #addToGroup(
    before: AlertGroup | undefined,
    alerts: readonly GroupAlert[],
    nowMs: number,
  ): AlertGroup | undefined {
    const [first] = alerts;
    assert(first !== undefined, "there is an alert to add");
    const { route } = this.#config;
    const group = before ?? emptyGroup(groupLabels(route, first.labels), route, nowMs);
    const after = stepGroup(group, { kind: "alerts", alerts }, route, nowMs).group;
    if (after !== undefined) this.#groups.set(after.key, after);
    return after;
  }

  /** Whether alerts of a new group fit in; those of a group that is known must get through, to resolve too. */
  #hasRoomFor(alerts: readonly GroupAlert[], alertCount: number): boolean {
    const full = this.#groups.size >= GROUPS_MAX;
    if (!full && alertCount + alerts.length <= ALERTS_MAX) return true;
    this.#counts.refusedAlerts += alerts.length;
    const limit = full ? `${GROUPS_MAX} groups` : `${ALERTS_MAX} alerts`;
    this.#options.onProblem(
      new OperatingError("queue.full", `there are ${limit} already`),
      "grouping alerts",
    );
    return false;
  }

  #alertCount(): number {
    let count = 0;
    for (const group of this.#groups.values()) count += group.alerts.size;
    return count;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for (;;) {
        const { bell } = this.#alarm;
        await this.#flushDue();
        await this.#alarm.wait(this.#nextFlushMs(), bell);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #nextFlushMs(): number | undefined {
    let nextMs: number | undefined;
    for (const { nextFlushMs } of this.#groups.values())
      nextMs = Math.min(nextMs ?? Number.POSITIVE_INFINITY, nextFlushMs);
    return nextMs;
  }

  async #flushDue(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const writes: Write[] = [];
    const added: OutboxEntry[] = [];
    for (const group of [...this.#groups.values()]) {
      if (group.nextFlushMs > nowMs) continue;
      const { group: after, notifications } = stepGroup(
        group,
        { kind: "flush", integrations: this.#integrations },
        this.#config.route,
        nowMs,
      );
      if (after === undefined) this.#groups.delete(group.key);
      else this.#groups.set(group.key, after);
      for (const planned of notifications)
        added.push(...this.#enqueue(group, planned, nowMs, writes));
      writes.push(
        after === undefined
          ? { collection: GROUP_COLLECTION, id: group.key, document: undefined }
          : groupWrite(after),
      );
    }
    if (writes.length === 0) return;
    await this.#write(writes, "keeping notifications");
    for (const entry of added) {
      const loop = this.#loops.get(entry.integration);
      if (loop !== undefined) loop.add(entry);
      else await this.#write([this.#dropEntry(entry)], "dropping a notification");
    }
  }

  /** Makes the outbox entry of a planned notification; where too many wait, it takes in the newest of them. */
  #enqueue(
    group: AlertGroup,
    planned: PlannedNotification,
    nowMs: number,
    writes: Write[],
  ): OutboxEntry[] {
    const { integration, reason, alerts, recordBefore } = planned;
    const loop = this.#loops.get(integration);
    let entry: OutboxEntry = {
      id: this.#newKey(group, integration, nowMs),
      integration,
      receiver: this.#config.route.receiver,
      groupKey: group.key,
      groupLabels: group.labels,
      reason,
      alerts,
      recordBefore,
      createdAtMs: nowMs,
    };
    if (loop !== undefined && loop.waiting(group.key).length >= OUTBOX_PER_GROUP_MAX) {
      const replaced = loop.takeNewest(group.key);
      if (replaced !== undefined) {
        entry = takeOver(entry, replaced);
        writes.push({ collection: OUTBOX_COLLECTION, id: replaced.id, document: undefined });
      }
    }
    writes.push(entryWrite(entry));
    return [entry];
  }

  /** Never the same twice, also after a crash that forgot one. */
  #newKey(group: AlertGroup, integration: string, nowMs: number): string {
    const { high, low } = hashLabels([[integration, group.key]]);
    const chance = this.#options.rng.below(2 ** 32);
    return (
      [high, low, chance].map((n) => n.toString(16).padStart(8, "0")).join("") + nowMs.toString(16)
    );
  }

  async #settle(entry: OutboxEntry, delivery: Delivery): Promise<void> {
    const { clock, onProblem } = this.#options;
    const nowMs = clock.nowMs();
    const writes: Write[] = [{ collection: OUTBOX_COLLECTION, id: entry.id, document: undefined }];
    writes.push(...this.#log.add(entry, delivery, nowMs));
    if (delivery.outcome === "delivered") this.#counts.delivered++;
    else {
      this.#counts.failed++;
      onProblem(
        delivery.error,
        `notifying ${entry.integration}, given up after ${delivery.attempts} attempts`,
      );
      writes.push(...this.#takeBack(entry, nowMs));
      this.#alarm.ring();
    }
    await this.#write(writes, "keeping what became of a notification");
  }

  /** What a failed notification said goes into the next one, or back into its group for the next flush. */
  #takeBack(entry: OutboxEntry, nowMs: number): Write[] {
    const loop = this.#loops.get(entry.integration);
    const next = loop?.replaceNext(entry.groupKey, (after) => takeOver(after, entry));
    if (next !== undefined) return [entryWrite(next)];
    const { route } = this.#config;
    if (groupKey(groupLabels(route, entry.groupLabels)) !== entry.groupKey) return []; // Grouped anew.
    const group = this.#groups.get(entry.groupKey) ?? emptyGroup(entry.groupLabels, route, nowMs);
    const { integration, alerts, recordBefore } = entry;
    const { group: after } = stepGroup(
      group,
      { kind: "failed", integration, alerts, recordBefore },
      route,
      nowMs,
    );
    if (after === undefined) return [];
    this.#groups.set(after.key, after);
    return [groupWrite(after)];
  }

  /** Its receiver is not in the configuration any more. */
  #dropEntry(entry: OutboxEntry): Write {
    this.#counts.failed++;
    this.#options.onProblem(
      new OperatingError("notify.rejected", `${entry.integration} is no longer configured`),
      "delivering a notification",
    );
    return { collection: OUTBOX_COLLECTION, id: entry.id, document: undefined };
  }

  async #write(writes: readonly Write[], doing: string): Promise<void> {
    for (const write of writes) this.#unwritten.set(`${write.collection} ${write.id}`, write);
    // All that waits goes into the first transaction that gets its turn; the others find nothing left to do.
    let batch: ReadonlyMap<string, Write> = new Map();
    try {
      await this.#options.store.transaction(async (tx) => {
        batch = new Map(this.#unwritten);
        for (const write of batch.values()) await performWrite(tx, write);
      });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      if (!this.#stop.signal.aborted) this.#options.onProblem(error, doing);
      return;
    }
    for (const [key, write] of batch)
      if (this.#unwritten.get(key) === write) this.#unwritten.delete(key);
  }
}
