import {
  type Acknowledgement,
  DEFAULT_FLAP_POLICY,
  type FlapPolicy,
  fingerprint,
  type Incident,
  type IncidentEvent,
  isLive,
  type ObservedAlert,
  stepIncident,
} from "@pharos/alert";
import { type Clock, type Matcher, OperatingError } from "@pharos/base";
import type { DocumentReader, DocumentStore, DocumentTransaction } from "@pharos/ports";
import { Alarm } from "../alarm.ts";
import { differs, endedAlerts } from "./compare-alerts.ts";
import { type GroupEvent, GroupEventQueue, type WaitingEvent } from "./group-event-queue.ts";
import { INCIDENT_COLLECTION, incidentFromDocument } from "./incident-documents.ts";
import { hasMatchingAlert } from "./incident-query.ts";
import { IncidentTimers } from "./incident-timers.ts";
import { type IncidentListener, LiveIncidents } from "./live-incidents.ts";
import { type IncidentChange, StoredIncidents } from "./stored-incidents.ts";

/** Changes of groups that wait to be kept; beyond it the oldest are let go, and found again by looking. */
export const EVENTS_WAITING_MAX = 100_000;
/** Changes that are kept in one transaction. */
const EVENTS_PER_TRANSACTION_MAX = 500;
/** Alerts of the incidents that they change: all of them are written, and meanwhile this process does nothing else. */
const ALERTS_PER_TRANSACTION_MAX = 500;
/**
 * Where nobody waits for it, keeping changes takes at most this share of the time: in a storm more pieces of a group come
 * together, and each incident is written once for all of them.
 */
const KEEPING_SHARE_MAX = 1 / 4;
/** No change waits longer for that. */
const KEEPING_PAUSE_MS_MAX = 1_000;
/** After a failure of the store, the next try is so much later. */
const RETRY_MS = 5_000;
/** Of several servers' changes one hears at most so often, */
const RELOAD_MS_MIN = 1_000;
/** and reads them for at most this share of the time. */
const RELOAD_SHARE_MAX = 1 / 20;
/** How often incidents are compared with the groups that they follow. */
const COMPARE_INTERVAL_MS = 60_000;
/** How long it is remembered which alerts were acknowledged, while they come to another group. */
const CARRY_MS = 60_000;

export interface IncidentBookOptions {
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly flapPolicy?: FlapPolicy;
  /** What the dispatcher knows of a group now, resolved ones too; undefined for a group that it does not know. */
  readonly currentAlerts?: (groupId: string) => readonly ObservedAlert[] | undefined;
  /** Failures of the world that the book goes on after; for the log and for metrics. */
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** How far an escalation has come, and who was told. */
export type EscalationEvent = Extract<IncidentEvent, { kind: "escalation" }>;

export interface EscalationTaken {
  readonly incident: Incident;
  /** To be called when the transaction is kept. */
  readonly committed: () => void;
}

/** What people do with incidents. */
export type IncidentAction = Extract<
  IncidentEvent,
  { kind: "acknowledge" | "unacknowledge" | "resolve" | "comment" }
>;

/**
 * The incidents: those that are live in memory, all of them as documents. What changes one is decided in a transaction
 * against what is stored, so that several servers on one store open an incident once and none forgets what a person did.
 */
export class IncidentBook implements AsyncDisposable {
  readonly #options: IncidentBookOptions;
  readonly #policy: FlapPolicy;
  readonly #stop = new AbortController();
  readonly #alarm: Alarm;
  readonly #live: LiveIncidents;
  readonly #stored: StoredIncidents;
  readonly #watches = new DisposableStack();
  readonly #waiters: (() => void)[] = [];
  /** Acknowledgements of alerts that left their group, by fingerprint. */
  readonly #carried = new Map<string, { ack: Acknowledgement; untilMs: number }>();
  /** Groups of live incidents that the dispatcher did not know at the last comparison. */
  #unknownGroups: ReadonlySet<string> = new Set();
  readonly #timers: IncidentTimers;
  readonly #queue = new GroupEventQueue();
  #hasOverflowed = false;
  #isFailing = false;
  #othersChanged = false;
  #reloadAtMs = 0;
  #keepAtMs = Number.NEGATIVE_INFINITY;
  #compareAtMs: number;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: IncidentBookOptions) {
    this.#options = options;
    this.#policy = options.flapPolicy ?? DEFAULT_FLAP_POLICY;
    this.#alarm = new Alarm(options.clock, this.#stop.signal);
    this.#live = new LiveIncidents(options.onProblem);
    this.#stored = new StoredIncidents(options);
    this.#timers = new IncidentTimers(this.#policy);
    this.#compareAtMs = options.clock.monotonicMs() + COMPARE_INTERVAL_MS;
  }

  /**
   * Takes up the incidents that were live when the last process ended.
   *
   * @throws OperatingError of the store.
   */
  static async open(options: IncidentBookOptions): Promise<IncidentBook> {
    const book = new IncidentBook(options);
    await book.#reload();
    if (options.store.shared)
      book.#watches.use(
        options.store.watch(INCIDENT_COLLECTION, () => {
          book.#othersChanged = true;
          book.#alarm.ring();
        }),
      );
    book.#running = book.#run();
    return book;
  }

  /** The incidents in which something can still change: open ones, and those with alerts that were dismissed. */
  live(): readonly Incident[] {
    return this.#live.all();
  }

  /** The live incident of a group, as this server knows it. */
  ofGroup(groupId: string): Incident | undefined {
    return this.#live.get(groupId);
  }

  /** The live incident of a group as it is stored: what counts where several servers decide. */
  async storedOfGroup(reader: DocumentReader, groupId: string): Promise<Incident | undefined> {
    const incident = await this.#stored.newestOfGroup(reader, groupId);
    return incident !== undefined && isLive(incident) ? incident : undefined;
  }

  /** Calls `listener` after each change until it is disposed of. */
  listen(listener: IncidentListener): Disposable {
    return this.#live.listen(listener);
  }

  /**
   * Takes in what happened to groups, in order; it is kept within moments. Where the store fails, memory goes on by
   * itself meanwhile, so that people are told all the same. What a crash loses of it is found again by `currentAlerts`.
   */
  enqueue(event: GroupEvent): void {
    if (this.#queue.addsTo(event)) return;
    if (this.#queue.length >= EVENTS_WAITING_MAX) {
      this.#queue.take(1);
      if (!this.#hasOverflowed)
        this.#options.onProblem(
          new OperatingError("queue.full", `${EVENTS_WAITING_MAX} changes wait to be kept`),
          "following groups of alerts",
        );
      this.#hasOverflowed = true;
    }
    this.#queue.push(event);
    if (this.#queue.length === 1) this.#alarm.ring();
  }

  /** Resolves when all that was taken in so far is kept and all that is due is done, or the store fails. */
  async settled(): Promise<void> {
    if (this.#isFailing) return;
    await new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
      this.#alarm.ring();
    });
  }

  /**
   * Takes an escalation on within a transaction of whoever tells people: what is kept of it and what is told of it are
   * kept together, or not at all. `decide` is asked with the incident as it is stored. Undefined where it has nothing to
   * do, or the group has no open incident; then nothing is written.
   *
   * @param tx undefined where the store fails: memory goes on by itself.
   */
  async escalate(
    tx: DocumentTransaction | undefined,
    groupId: string,
    decide: (incident: Incident) => EscalationEvent | undefined,
  ): Promise<EscalationTaken | undefined> {
    const before =
      tx === undefined ? this.#live.get(groupId) : await this.#stored.newestOfGroup(tx, groupId);
    if (before === undefined || before.status === "resolved") return undefined;
    const event = decide(before);
    if (event === undefined) return undefined;
    const step = this.#step(before, event, this.#options.clock.nowMs());
    if (tx !== undefined) await this.#stored.write(tx, [step]);
    return {
      incident: step.after ?? before,
      committed: () => {
        if (tx !== undefined) this.#stored.kept([step]);
        this.#apply(step);
      },
    };
  }

  /**
   * What a person does. Resolves when it survives a crash.
   *
   * @throws OperatingError `not_found`; `conflict` where the incident is over, or is not acknowledged; of the store.
   */
  async act(id: string, action: IncidentAction): Promise<Incident> {
    const { clock, store } = this.#options;
    const step = await store.transaction(async (tx) => {
      const document = await tx.get(INCIDENT_COLLECTION, id);
      if (document === undefined)
        throw new OperatingError("not_found", `there is no incident ${id}`);
      const before = incidentFromDocument(document);
      const step = this.#step(before, action, clock.nowMs());
      if (step.after === undefined || step.transitions.length === 0)
        throw nothingDone(before, action);
      await this.#stored.write(tx, [step]);
      return { ...step, after: step.after };
    });
    this.#stored.kept([step]);
    this.#apply(step);
    return step.after;
  }

  /**
   * Acknowledges all incidents that fire and have an alert that matches: each as a whole. Gives those that it
   * acknowledged.
   *
   * @throws OperatingError of the store; then some may be acknowledged.
   */
  async acknowledgeMatching(
    matchers: readonly Matcher[],
    action: Extract<IncidentAction, { kind: "acknowledge" }>,
  ): Promise<readonly Incident[]> {
    const wanted = this.live().filter(
      (incident) => incident.status === "firing" && hasMatchingAlert(incident, [matchers]),
    );
    const done: Incident[] = [];
    for (const { id } of wanted) {
      try {
        done.push(await this.act(id, action));
      } catch (error) {
        // It ended meanwhile, which is as good.
        if (!(error instanceof OperatingError && error.code === "conflict")) throw error;
      }
    }
    return done;
  }

  /** Keeps what was taken in, and stops; incidents go on with the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#watches.dispose();
    this.#stop.abort();
    await this.#running;
    try {
      while (this.#queue.length > 0) await this.#drain();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#options.onProblem(error, "keeping incidents");
    }
  }

  async #run(): Promise<void> {
    const { clock, onProblem } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { bell } = this.#alarm;
      const waiters = this.#waiters.splice(0);
      try {
        if (this.#othersChanged && clock.monotonicMs() >= this.#reloadAtMs) await this.#reload();
        if (clock.monotonicMs() >= this.#compareAtMs) this.#compare();
        if (waiters.length > 0 || clock.monotonicMs() >= this.#keepAtMs) await this.#keepAll();
        await this.#stepDue();
        for (const resolve of waiters.splice(0)) resolve();
        if (this.#waiters.length > 0) continue;
        await this.#alarm.waitFor(this.#leftMs(), bell);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof OperatingError)) throw error;
        onProblem(error, "keeping incidents");
        this.#timers.lookAtAll(); // Those that were due may still be.
        this.#isFailing = true;
        for (const resolve of [...waiters, ...this.#waiters.splice(0)]) resolve();
        await clock.sleep(RETRY_MS, signal).catch(() => {});
        this.#isFailing = false;
      }
    }
  }

  /** Until something is due. Times of one clock are never counted on the other: what is rounded away would be waited for. */
  #leftMs(): number {
    const { clock } = this.#options;
    const [nowMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()];
    let leftMs = Math.min(this.#compareAtMs - monotonicMs, this.#timers.dueMs - nowMs);
    if (this.#othersChanged) leftMs = Math.min(leftMs, this.#reloadAtMs - monotonicMs);
    if (this.#queue.length > 0) leftMs = Math.min(leftMs, this.#keepAtMs - monotonicMs);
    return leftMs;
  }

  async #keepAll(): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    await this.#drain();
    const endMs = clock.monotonicMs();
    const pauseMs = (endMs - startMs) * (1 / KEEPING_SHARE_MAX - 1);
    this.#keepAtMs = endMs + Math.min(pauseMs, KEEPING_PAUSE_MS_MAX);
  }

  /** Keeps what waits now. What comes meanwhile is for the next time: else whoever waits would wait for that too. */
  async #drain(): Promise<void> {
    let left = this.#queue.length;
    while (left > 0) {
      const batch = this.#queue.take(
        Math.min(left, EVENTS_PER_TRANSACTION_MAX),
        ALERTS_PER_TRANSACTION_MAX,
        (groupId) => this.#live.get(groupId)?.alerts.size ?? 0,
      );
      left -= batch.length;
      try {
        await this.#keep(batch);
      } catch (error) {
        for (const waiting of batch) this.#stepInMemory(waiting);
        this.#queue.putBack(batch);
        throw error;
      }
    }
    this.#hasOverflowed = false;
  }

  async #keep(batch: readonly WaitingEvent[]): Promise<void> {
    const steps = await this.#options.store.transaction(async (tx) => {
      const newest = new Map<string, Incident | undefined>();
      const steps: IncidentChange[] = [];
      for (const { groupId, event, atMs } of batch) {
        const before = newest.has(groupId)
          ? newest.get(groupId)
          : await this.#stored.newestOfGroup(tx, groupId);
        const step = this.#step(before, this.#carry(before, event, atMs), atMs);
        newest.set(groupId, step.after);
        steps.push(step);
      }
      await this.#stored.write(tx, steps);
      return steps;
    });
    this.#stored.kept(steps);
    for (const step of steps) this.#apply(step);
  }

  /** The store fails: memory is all there is until it works again. */
  #stepInMemory(waiting: WaitingEvent): void {
    if (waiting.isInMemory) return;
    waiting.isInMemory = true;
    const { groupId, event, atMs } = waiting;
    const before = this.#live.get(groupId);
    this.#apply(this.#step(before, this.#carry(before, event, atMs), atMs));
  }

  /** Alerts that come to another group bring their acknowledgement along. */
  #carry(before: Incident | undefined, event: GroupEvent["event"], atMs: number): IncidentEvent {
    if (event.kind === "regrouped") {
      const ack = before?.acknowledgement ?? null;
      if (before !== undefined && before.status !== "resolved" && ack !== null)
        for (const id of before.alerts.keys())
          this.#carried.set(id, { ack, untilMs: atMs + CARRY_MS });
      return event;
    }
    if (event.kind !== "alerts" || this.#carried.size === 0) return event;
    for (const [id, { untilMs }] of this.#carried) if (untilMs < atMs) this.#carried.delete(id);
    for (const { alert } of event.alerts) {
      const carried = this.#carried.get(fingerprint(alert.labels));
      if (carried !== undefined) return { ...event, acknowledgement: carried.ack };
    }
    return event;
  }

  /** Acknowledgements that run out, alerts that end, incidents that have become stable. */
  async #stepDue(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const due = this.#timers.take(() => this.#live.all(), nowMs);
    if (due.length > 0) await this.#stepAll(due, nowMs);
  }

  async #stepAll(due: readonly Incident[], nowMs: number): Promise<void> {
    const { store } = this.#options;
    for (let from = 0; from < due.length; from += EVENTS_PER_TRANSACTION_MAX) {
      const some = due.slice(from, from + EVENTS_PER_TRANSACTION_MAX);
      const steps = await store.transaction(async (tx) => {
        const steps: IncidentChange[] = [];
        for (const known of some) {
          const before = await this.#stored.newestOfGroup(tx, known.group.id);
          if (before?.id === known.id) steps.push(this.#step(before, this.#time(before), nowMs));
          else this.#live.forget(known);
        }
        await this.#stored.write(tx, steps);
        return steps;
      });
      this.#stored.kept(steps);
      for (const step of steps) this.#apply(step);
    }
  }

  /** What is stored does not know when alerts that fire end. */
  #time(incident: Incident): IncidentEvent {
    const { group, status } = incident;
    const alerts = this.#options.currentAlerts?.(group.id);
    if (alerts === undefined || status === "resolved") return { kind: "time" };
    return { kind: "alerts", group, alerts };
  }

  /**
   * Finds again what was lost on the way here: a crash may come between what the dispatcher keeps and what is kept here.
   * A group that is unknown at two comparisons in a row is over.
   */
  #compare(): void {
    const { clock, currentAlerts } = this.#options;
    this.#compareAtMs = clock.monotonicMs() + COMPARE_INTERVAL_MS;
    if (currentAlerts === undefined) return;
    const unknown = new Set<string>();
    const atMs = clock.nowMs();
    for (const { group, alerts: known } of this.#live.all()) {
      const alerts = currentAlerts(group.id);
      if (alerts === undefined && !this.#unknownGroups.has(group.id)) unknown.add(group.id);
      else if (alerts === undefined) {
        const ended = endedAlerts(known.values(), atMs);
        this.enqueue({ groupId: group.id, atMs, event: { kind: "alerts", group, alerts: ended } });
      } else if (differs(known, alerts, atMs))
        this.enqueue({ groupId: group.id, atMs, event: { kind: "alerts", group, alerts } });
    }
    this.#unknownGroups = unknown;
  }

  #step(before: Incident | undefined, event: IncidentEvent, nowMs: number): IncidentChange {
    const { incident, ...rest } = stepIncident(before, event, nowMs, this.#policy);
    return { before, after: incident, ...rest };
  }

  #apply({ after, transitions }: IncidentChange): void {
    if (after === undefined) return;
    this.#timers.changed(after);
    this.#live.change(after, transitions);
    this.#alarm.ring();
  }

  /** Reads what is live; also what other servers did. */
  async #reload(): Promise<void> {
    const { clock, store } = this.#options;
    this.#othersChanged = false;
    this.#live.beginReload();
    const startMs = clock.monotonicMs();
    const incidents = await store.read((reader) => this.#stored.readLive(reader));
    const endMs = clock.monotonicMs();
    this.#reloadAtMs = endMs + Math.max(RELOAD_MS_MIN, (endMs - startMs) / RELOAD_SHARE_MAX);
    this.#live.replace(incidents);
    this.#timers.lookAtAll();
  }
}

/** A person must hear where what they wanted was not done. */
function nothingDone({ id, status }: Incident, { kind }: IncidentAction): OperatingError {
  const because =
    status === "resolved"
      ? `incident ${id} is resolved already`
      : `incident ${id} is not acknowledged, which is why ${kind} does nothing`;
  return new OperatingError("conflict", because);
}
