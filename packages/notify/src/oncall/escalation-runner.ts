import {
  type EscalationMove,
  type EscalationPage,
  fingerprint,
  type GroupAlert,
  type Incident,
  type IncidentAlert,
  type NotificationContext,
  needyAlerts,
  nextEscalationMs,
  type ObservedAlert,
  type OnCallPlan,
  sortAlerts,
  stepEscalation,
} from "@pharos/alert";
import { type Clock, OperatingError } from "@pharos/base";
import type { DocumentStore, DocumentTransaction } from "@pharos/ports";
import { Alarm } from "../alarm.ts";
import type { PageDecision, PageRequest } from "../dispatch/page.ts";
import type { EscalationEvent, EscalationTaken, IncidentBook } from "../incidents/incident-book.ts";
import {
  INCIDENT_COLLECTION,
  incidentFromDocument,
  statusTag,
} from "../incidents/incident-documents.ts";

/** A page that does not get through is tried for so long. */
export const PAGE_MS_MAX = 3_600_000;
/** Where what is stored says something else than memory, or the store fails: so long until another look. */
const RETRY_MS = 1_000;
/** All incidents are looked at so often, whatever the clock did meanwhile. */
const LOOK_INTERVAL_MS = 30_000;
/** Incidents that ended so long ago, at most, are told of again after a start: what was told already is not sent twice. */
const ENDED_MS_MAX = 3_600_000;
/** Of incidents that ended before a start, so many are looked at, the newest. */
const ENDED_COUNT_MAX = 500;
/** After a start it is not known yet whether what fired still does: rules and senders tell again within this. */
const START_GRACE_MS = 60_000;
/** Incidents that are seen to at the same time. */
const INCIDENTS_AT_ONCE = 20;
/** Moves of one incident at one time: a step for each of a policy that reaches nobody, and some. */
const MOVES_MAX = 100;

export interface EscalationRunnerOptions {
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly book: Pick<IncidentBook, "live" | "ofGroup" | "listen" | "escalate" | "settled">;
  readonly dispatcher: {
    page(page: PageRequest, decide?: PageDecision): Promise<void>;
    alertsOf(groupId: string): readonly ObservedAlert[] | undefined;
  };
  /** Asked for anew at every use: a reload may change it. */
  readonly plan: () => OnCallPlan;
  /** Whether a receiver is there and tells anybody. */
  readonly isReachable: (receiver: string) => boolean;
  /** What pages to somebody, a contact or a receiver of several, say of the incident. */
  readonly contextOf: (incident: Incident, paged: string) => NotificationContext;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Counts since the start, of this server. */
export interface EscalationStats {
  /** Moves that were taken, those that begin an escalation or reach nobody among them. */
  readonly moves: number;
  /** Moves that paged somebody. */
  readonly pages: number;
  /** Times that the store, or a configuration without any of those to be paged, was in the way. */
  readonly failures: number;
  /** When the step was due that waits longest; undefined where none is due. */
  readonly oldestDueMs: number | undefined;
}

/**
 * Takes the escalations of incidents on: who is told, and how far it has come, is decided in one transaction against
 * what is stored, so that after a crash no step is left out, and of several servers one takes it.
 */
export class EscalationRunner implements AsyncDisposable {
  readonly #options: EscalationRunnerOptions;
  readonly #stop = new AbortController();
  readonly #alarm: Alarm;
  /** When to look at an incident, by its group. */
  readonly #dueMs = new Map<string, number>();
  /** Over, and those who were paged do not know it yet; by id. */
  readonly #ended = new Map<string, Incident>();
  readonly #listening: Disposable;
  /** The incidents that were open before the start, and until when they are left alone. */
  readonly #recalled: ReadonlySet<string>;
  readonly #graceEndsMs: number;
  #lookAtMs: number;
  readonly #counts = { moves: 0, pages: 0, failures: 0 };
  #running: Promise<void> = Promise.resolve();

  private constructor(options: EscalationRunnerOptions) {
    const { book, clock } = options;
    this.#options = options;
    this.#alarm = new Alarm(clock, this.#stop.signal);
    this.#lookAtMs = clock.monotonicMs();
    this.#recalled = new Set(book.live().map(({ id }) => id));
    this.#graceEndsMs = clock.monotonicMs() + START_GRACE_MS;
    this.#listening = book.listen((incident) => {
      if (incident.status === "resolved") this.#noteEnd(incident);
      else this.#dueMs.set(incident.group.id, Number.NEGATIVE_INFINITY);
      this.#alarm.ring();
    });
  }

  /**
   * Goes on where the last process ended.
   *
   * @throws OperatingError of the store.
   */
  static async open(options: EscalationRunnerOptions): Promise<EscalationRunner> {
    const runner = new EscalationRunner(options);
    await runner.#recallEnds();
    runner.#running = runner.#run();
    return runner;
  }

  /** The plan has changed: all incidents are looked at. */
  wake(): void {
    this.#lookAtMs = this.#options.clock.monotonicMs();
    this.#alarm.ring();
  }

  stats(): EscalationStats {
    const { book, clock } = this.#options;
    let oldestDueMs: number | undefined;
    for (const incident of book.live()) {
      const dueMs = incident.status === "firing" ? nextEscalationMs(incident) : undefined;
      if (dueMs !== undefined && dueMs <= clock.nowMs())
        oldestDueMs = Math.min(oldestDueMs ?? dueMs, dueMs);
    }
    return { ...this.#counts, oldestDueMs };
  }

  /** Stops; escalations go on with the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, book } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { bell } = this.#alarm;
      try {
        if (clock.monotonicMs() >= this.#lookAtMs) {
          this.#lookAtMs = clock.monotonicMs() + LOOK_INTERVAL_MS;
          this.#dueMs.clear();
          for (const { group } of book.live()) this.#dueMs.set(group.id, Number.NEGATIVE_INFINITY);
        }
        await inBatches([...this.#ended.values()], (incident) => this.#tellEnd(incident));
        await this.#advanceDue();
        await this.#alarm.waitFor(this.#leftMs(), bell);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof OperatingError)) throw error;
        this.#problem(error, "escalating incidents");
        await clock.sleep(RETRY_MS, signal).catch(() => {});
      }
    }
  }

  #leftMs(): number {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    let leftMs = this.#lookAtMs - clock.monotonicMs();
    for (const dueMs of this.#dueMs.values()) leftMs = Math.min(leftMs, dueMs - nowMs);
    return leftMs;
  }

  async #advanceDue(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const due: string[] = [];
    for (const [groupId, dueMs] of this.#dueMs) if (dueMs <= nowMs) due.push(groupId);
    await inBatches(due, (groupId) => this.#advance(groupId));
  }

  /** Takes all that is due for one incident. */
  async #advance(groupId: string): Promise<void> {
    const { book, clock } = this.#options;
    const graceMs = this.#graceEndsMs - clock.monotonicMs();
    if (graceMs > 0 && this.#recalled.has(book.ofGroup(groupId)?.id ?? "")) {
      this.#dueMs.set(groupId, clock.nowMs() + graceMs);
      return;
    }
    for (let moves = 0; moves < MOVES_MAX; moves++) {
      this.#stop.signal.throwIfAborted();
      const incident = book.ofGroup(groupId);
      if (incident === undefined || incident.status === "resolved") {
        this.#dueMs.delete(groupId);
        return;
      }
      const move = this.#moveOf(incident);
      if (move === undefined) {
        const nextMs = nextEscalationMs(incident);
        if (nextMs === undefined) this.#dueMs.delete(groupId);
        else this.#dueMs.set(groupId, nextMs);
        return;
      }
      if (!(await this.#take(incident, move))) break;
    }
    this.#dueMs.set(groupId, clock.nowMs() + RETRY_MS);
  }

  #moveOf(incident: Incident): EscalationMove | undefined {
    const { plan, clock, isReachable } = this.#options;
    return stepEscalation(incident, plan(), clock.nowMs(), isReachable);
  }

  /** Whether it was taken; not where what is stored says something else. */
  async #take(incident: Incident, move: EscalationMove): Promise<boolean> {
    const { dispatcher } = this.#options;
    const { page } = move;
    let taken: EscalationTaken | undefined;
    if (page === undefined) taken = await this.#keep(incident.group.id);
    else {
      const alerts = this.#firingAlerts(incident);
      // The incident will hear of it as well.
      if (alerts.length === 0) return false;
      await dispatcher.page(this.#request(incident, page, alerts), async (tx) => {
        taken = await this.#escalate(tx, incident.group.id, page.id);
        return taken === undefined ? undefined : [];
      });
    }
    if (taken === undefined) return false;
    taken.committed();
    this.#counts.moves++;
    if (page !== undefined) this.#counts.pages++;
    return true;
  }

  /** A move that tells nobody. */
  async #keep(groupId: string): Promise<EscalationTaken | undefined> {
    const { store } = this.#options;
    try {
      return await store.transaction((tx) => this.#escalate(tx, groupId, undefined));
    } catch (error) {
      if (!(error instanceof OperatingError) || this.#stop.signal.aborted) throw error;
      this.#problem(error, "keeping an escalation");
      return this.#escalate(undefined, groupId, undefined);
    }
  }

  /** The move as what is stored wants it; undefined where that is to tell another page, or none. */
  #escalate(
    tx: DocumentTransaction | undefined,
    groupId: string,
    pageId: string | undefined,
  ): Promise<EscalationTaken | undefined> {
    const { book } = this.#options;
    return book.escalate(tx, groupId, (stored): EscalationEvent | undefined => {
      const move = this.#moveOf(further(stored, book.ofGroup(groupId)));
      if (move === undefined || move.page?.id !== pageId) return undefined;
      const { escalation, told, page } = move;
      return {
        kind: "escalation",
        escalation,
        ...(told === undefined ? {} : { told }),
        ...(page === undefined ? {} : { receivers: page.receivers }),
      };
    });
  }

  /** As the dispatcher knows them now, with their texts: those that need somebody. */
  #firingAlerts(incident: Incident): GroupAlert[] {
    const { dispatcher, clock } = this.#options;
    const nowMs = clock.nowMs();
    const needy = new Set(needyAlerts(incident, nowMs).map(({ labels }) => fingerprint(labels)));
    const firing: GroupAlert[] = [];
    for (const { alert } of dispatcher.alertsOf(incident.group.id) ?? []) {
      const isFiring = alert.endsAtMs === null || alert.endsAtMs > nowMs;
      if (isFiring && needy.has(fingerprint(alert.labels)))
        firing.push({ ...alert, endsAtMs: null });
    }
    return sortAlerts(firing);
  }

  #request(
    incident: Incident,
    { id, receivers, policy, step, reason }: EscalationPage,
    alerts: readonly GroupAlert[],
  ): PageRequest {
    const { clock, contextOf } = this.#options;
    return {
      ...{ id, receivers, alerts },
      ...subjectOf(incident),
      reason: "first notification",
      contextFor: (receiver) => ({
        ...contextOf(incident, this.#whoHas(receiver)),
        escalation: { policy, step, reason },
      }),
      giveUpAtMs: clock.nowMs() + PAGE_MS_MAX,
    };
  }

  /** The contact that a receiver belongs to; the receiver's own name where it is nobody's or several have it. */
  #whoHas(receiver: string): string {
    const { contacts } = this.#options.plan();
    const [name, ...others] = [...contacts].flatMap(([contact, { receivers }]) =>
      receivers.includes(receiver) ? [contact] : [],
    );
    return name === undefined || others.length > 0 ? receiver : name;
  }

  #noteEnd(incident: Incident): void {
    if (incident.pagedReceivers.length > 0) this.#ended.set(incident.id, incident);
  }

  /** Whoever was called hears that it is over. */
  async #tellEnd(incident: Incident): Promise<void> {
    const { dispatcher, clock, contextOf } = this.#options;
    const { id, pagedReceivers, resolvedAtMs } = incident;
    const endsAtMs = resolvedAtMs ?? clock.nowMs();
    const alerts = sortAlerts([...incident.alerts.values()].map((each) => ended(each, endsAtMs)));
    try {
      if (alerts.length > 0)
        await dispatcher.page({
          id: `escalation/${id}/resolved`,
          ...{ receivers: pagedReceivers, alerts },
          ...subjectOf(incident),
          reason: "all alerts resolved",
          contextFor: (receiver) => contextOf(incident, this.#whoHas(receiver)),
          giveUpAtMs: clock.nowMs() + PAGE_MS_MAX,
        });
    } catch (error) {
      if (!(error instanceof OperatingError) || this.#stop.signal.aborted) throw error;
      // All that were paged are gone from the configuration.
      this.#problem(error, "telling that an incident is over");
    }
    this.#ended.delete(id);
  }

  #problem(error: OperatingError, doing: string): void {
    this.#counts.failures++;
    this.#options.onProblem(error, doing);
  }

  /** A crash may have come between the end of an incident and its being told. */
  async #recallEnds(): Promise<void> {
    const { store, clock, onProblem } = this.#options;
    const found = await store.read((reader) =>
      reader.list(INCIDENT_COLLECTION, {
        ...{ tags: [statusTag("resolved")], order: "desc", limit: ENDED_COUNT_MAX },
      }),
    );
    for (const document of found)
      try {
        const incident = incidentFromDocument(document);
        const sinceMs = clock.nowMs() - (incident.resolvedAtMs ?? 0);
        if (sinceMs <= ENDED_MS_MAX) this.#noteEnd(incident);
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        onProblem(error, "reading an incident");
      }
  }
}

/**
 * Several at once, since their transactions are committed together: in a storm nobody waits for a commit of each. Rejects
 * as the first that failed, when its batch is done.
 */
async function inBatches<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += INCIDENTS_AT_ONCE) {
    const batch = items.slice(from, from + INCIDENTS_AT_ONCE);
    const outcomes = await Promise.allSettled(batch.map(act));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }
}

/** Where the store failed for a while, memory has come further than what is stored. */
function further(stored: Incident, known: Incident | undefined): Incident {
  if (known === undefined || known === stored || known.id !== stored.id) return stored;
  if (known.status !== "firing" || known.transitionCount < stored.transitionCount) return stored;
  const isFurther =
    known.transitionCount > stored.transitionCount ||
    (known.escalation !== null && stored.escalation === null);
  return isFurther ? { ...stored, escalation: known.escalation } : stored;
}

/** What a page is about: under the group's own key, so that receivers know it as the same matter. */
function subjectOf({
  group,
}: Incident): Pick<PageRequest, "groupKey" | "groupLabels" | "routeLabels" | "followedGroup"> {
  const { key: groupKey, labels: groupLabels, id: followedGroup } = group;
  return { groupKey, groupLabels, routeLabels: [], followedGroup };
}

function ended(alert: IncidentAlert, atMs: number): GroupAlert {
  const { labels, summary, startsAtMs, generatorUrl, endsAtMs } = alert;
  return {
    ...{ labels, startsAtMs, generatorUrl },
    annotations: summary === "" ? [] : [["summary", summary]],
    endsAtMs: Math.min(endsAtMs ?? atMs, atMs),
  };
}
