import {
  fingerprint,
  type GroupAlert,
  INCIDENT_STATUSES,
  type Incident,
  type NotificationIncident,
  type ObservedAlert,
} from "@pharos/alert";
import type { Clock, Matcher, OperatingError } from "@pharos/base";
import {
  ALERT_HISTORY_COLLECTION,
  AlertHistory,
  DEFAULT_HISTORY_RETENTION,
  type DeliveryQuery,
  HistorySweeper,
  INCIDENT_EVENT_COLLECTION,
  type IncidentAction,
  IncidentArchive,
  IncidentBook,
  IncidentFollower,
} from "@pharos/notify";
import type { DocumentStore, SampleBatch } from "@pharos/ports";
import type { IncidentDelivery, IncidentsProvider } from "../http/incident-routes.ts";
import type { OwnMetrics } from "../own-metrics.ts";
import { IncidentLinks } from "./incident-links.ts";
import { IncidentSeries } from "./incident-series.ts";

export interface IncidentsOptions {
  readonly documents: DocumentStore;
  readonly clock: Clock;
  /** Where this server is reached from outside, without a slash at the end. */
  readonly externalUrl: string;
  /** What the dispatcher knows of a group; see `IncidentBookOptions`. */
  readonly currentAlerts: (groupId: string) => readonly ObservedAlert[] | undefined;
  /** Attempts to notify, the newest first. */
  readonly deliveries: (query: DeliveryQuery) => Promise<readonly IncidentDelivery[]>;
  /** Whether alerts that go on and off are told less often than they change. */
  readonly holdFlapping: boolean;
  /** How long an acknowledgement lasts that does not say so; undefined for as long as its incident. */
  readonly acknowledgementMs: () => number | undefined;
  /** How long history is kept; 90 days unless told. */
  readonly retentionMs?: number;
  /** Told of what people did at this server. */
  readonly onActed?: (incident: Incident, action: IncidentAction) => void;
  /** Of samples. @throws OperatingError where nothing was written. */
  readonly append: (batch: SampleBatch) => Promise<unknown>;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

type Acknowledge = Extract<IncidentAction, { kind: "acknowledge" }>;

/** All that belongs to incidents: opened, connected and closed here. */
export class Incidents implements IncidentsProvider, AsyncDisposable {
  readonly book: IncidentBook;
  /** To be told of what the dispatcher sees. */
  readonly follower: IncidentFollower;
  readonly links: IncidentLinks;
  readonly archive: IncidentArchive;
  readonly history: AlertHistory;
  readonly #deliveries: IncidentsOptions["deliveries"];
  readonly #acknowledgementMs: IncidentsOptions["acknowledgementMs"];
  readonly #onActed: IncidentsOptions["onActed"];
  readonly #clock: Clock;
  readonly #closers: AsyncDisposableStack;

  private constructor(
    book: IncidentBook,
    links: IncidentLinks,
    options: IncidentsOptions,
    closers: AsyncDisposableStack,
  ) {
    const { documents, deliveries, holdFlapping, onProblem } = options;
    this.book = book;
    this.follower = new IncidentFollower(book, holdFlapping);
    this.links = links;
    this.archive = new IncidentArchive({ store: documents, onProblem });
    this.history = new AlertHistory(documents);
    this.#deliveries = deliveries;
    this.#acknowledgementMs = options.acknowledgementMs;
    this.#onActed = options.onActed;
    this.#clock = options.clock;
    this.#closers = closers;
  }

  /**
   * Takes up the incidents that the last process left.
   *
   * @throws OperatingError of the document store.
   */
  static async open(options: IncidentsOptions): Promise<Incidents> {
    await using closers = new AsyncDisposableStack();
    const { documents, clock, externalUrl, currentAlerts, append, onProblem } = options;
    const links = await IncidentLinks.open(documents, externalUrl);
    const book = await IncidentBook.open({ store: documents, clock, currentAlerts, onProblem });
    closers.use(book);
    const collections = [INCIDENT_EVENT_COLLECTION, ALERT_HISTORY_COLLECTION];
    const retention = {
      ...DEFAULT_HISTORY_RETENTION,
      ...(options.retentionMs === undefined ? {} : { keepMs: options.retentionMs }),
    };
    closers.use(new HistorySweeper({ store: documents, clock, collections, retention, onProblem }));
    closers.use(new IncidentSeries({ clock, live: () => book.live(), append, onProblem }));
    return new Incidents(book, links, options, closers.move());
  }

  /**
   * What a notification of these alerts says of their incident: that of the group, else the one that has the first alert
   * that fires. Undefined where there is none, or none yet.
   */
  context(
    groupId: string,
    alerts: readonly GroupAlert[],
    nowMs: number,
  ): NotificationIncident | undefined {
    const incident = this.book.ofGroup(groupId) ?? this.#incidentOf(alerts);
    return incident === undefined
      ? undefined
      : this.named(incident, incident.group.receiver, nowMs);
  }

  /** An incident as notifications to somebody name it. */
  named(incident: Incident, told: string, nowMs: number): NotificationIncident {
    const { id, status } = incident;
    const url = this.links.incidentUrl(id);
    if (status !== "firing") return { id, url, status };
    return {
      id,
      url,
      status,
      acknowledgeUrl: this.links.acknowledgeUrl(id, told, nowMs),
    };
  }

  #incidentOf(alerts: readonly GroupAlert[]): Incident | undefined {
    const first = alerts.find(({ endsAtMs }) => endsAtMs === null) ?? alerts[0];
    if (first === undefined) return undefined;
    const id = fingerprint(first.labels);
    return this.book.live().find((incident) => incident.alerts.get(id)?.firing === true);
  }

  async deliveries(incident: Incident, limit: number) {
    return this.#deliveries({ ...(await this.archive.attemptsOf(incident)), limit });
  }

  async act(id: string, action: IncidentAction): Promise<Incident> {
    const ending = action.kind === "acknowledge" ? this.#ending(action) : action;
    const incident = await this.book.act(id, ending);
    this.#onActed?.(incident, ending);
    return incident;
  }

  async acknowledgeMatching(
    matchers: readonly Matcher[],
    action: Acknowledge,
  ): Promise<readonly Incident[]> {
    const ending = this.#ending(action);
    const incidents = await this.book.acknowledgeMatching(matchers, ending);
    for (const incident of incidents) this.#onActed?.(incident, ending);
    return incidents;
  }

  /** What does not say when it ends does so after as long as is configured. */
  #ending(action: Acknowledge): Acknowledge {
    const durationMs = this.#acknowledgementMs();
    if (action.untilMs !== null || durationMs === undefined) return action;
    return { ...action, untilMs: this.#clock.nowMs() + durationMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers.disposeAsync();
  }
}

/** What incidents say of themselves at `/metrics`. */
export function addIncidentMetrics(metrics: OwnMetrics, book: Pick<IncidentBook, "live">): void {
  metrics.gauge(
    "pharos_incidents",
    "Incidents that are open, by status.",
    () =>
      INCIDENT_STATUSES.filter((status) => status !== "resolved").map((status) => [
        { status },
        book.live().filter((incident) => incident.status === status).length,
      ]),
    ["status"],
  );
  metrics.gauge(
    "pharos_incidents_flapping",
    "Open incidents that are not resolved because their alerts go on and off.",
    () => book.live().filter(({ flapping, status }) => flapping && status !== "resolved").length,
  );
}
