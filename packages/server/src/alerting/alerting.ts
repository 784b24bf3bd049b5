import { randomUUID } from "node:crypto";
import { systemClock } from "@pharos/adapters/node";
import { errorText, type Labels, type OperatingError } from "@pharos/base";
import {
  AlertHistory,
  type Attempt,
  type Dispatcher,
  followIncidents,
  type NotificationConfig,
  SilenceBook,
} from "@pharos/notify";
import type { DocumentStore, HttpClient } from "@pharos/ports";
import { readMetrics } from "@pharos/promql/engine";
import { AlertSender } from "../alert-sender/alert-sender.ts";
import { BUILD_INFO } from "../build-info.ts";
import type { LoadedFiles } from "../load-files.ts";
import type { Logger } from "../log.ts";
import type { QueryParts } from "../queries/query-parts.ts";
import { withChannels } from "../rule-book/channel-routing.ts";
import { RuleBook } from "../rule-book/rule-book.ts";
import { channelsOfGroups, RuleFeed } from "../rule-book/rule-feed.ts";
import { RuleManager, type RuleManagerOptions } from "../rules/rule-manager.ts";
import { transitionRecords } from "../rules/transition-records.ts";
import { targetFiles } from "../target-files.ts";
import type { QueryPool } from "../threads/query-pool.ts";
import type { StoreThread } from "../threads/store-thread.ts";
import { AlertmanagerCounts } from "./alertmanager-metrics.ts";
import { processAwsSurroundings } from "./aws-surroundings.ts";
import { Incidents } from "./incidents.ts";
import { OnCall } from "./oncall.ts";
import { openDispatcher } from "./open-dispatcher.ts";
import {
  type ClusterSettings,
  incidentUpdate,
  openPeering,
  type Peering,
  silenceUpdates,
  startCluster,
} from "./peering.ts";
import { Receivers } from "./receivers.ts";

const USER_AGENT = `Pharos/${BUILD_INFO.version}`;

export interface AlertingOptions {
  readonly documents: DocumentStore;
  readonly http: HttpClient;
  readonly queries: QueryParts;
  readonly store: StoreThread;
  readonly threads: QueryPool;
  readonly log: Logger;
  /** Where this server is reached from outside, without a slash at the end. */
  readonly externalUrl: string;
  /** Asked for anew at every use: a reload may change them. */
  readonly externalLabels: () => Labels;
  readonly files: LoadedFiles;
  /** Whether alerts that go on and off are told less often than they change. */
  readonly holdFlapping: boolean;
  /** New alerts of one `alertname` beyond this are refused; 0 for no limit. */
  readonly alertsPerNameMax: number;
  /** Notifications that each integration is sent in a second. */
  readonly notificationRateMax: number;
  readonly retention: AlertingRetention;
  /** Told of each attempt to notify, with the key of the integration. */
  readonly onAttempt: (integration: string, attempt: Attempt) => void;
  /** Told of each request to an Alertmanager elsewhere how long it took. */
  readonly onAlertsSent: (alertmanager: string, seconds: number) => void;
  /** Undefined where this server is alone, or shares its document store. */
  readonly cluster: ClusterSettings | undefined;
  readonly rules: Pick<
    RuleManagerOptions,
    "rulesConcurrentMax" | "resendDelayMs" | "outage" | "replicaName"
  >;
}

/** How long what is over can be looked at. */
export interface AlertingRetention {
  readonly silenceMs: number;
  /** Of incidents, timelines, the history of alerts. */
  readonly incidentMs: number;
  readonly deliveryMs: number;
}

/** Everything from rules to receivers: opened, connected, reloaded and closed here. */
export class Alerting implements AsyncDisposable {
  readonly dispatcher: Dispatcher;
  readonly rules: RuleManager;
  /** To Alertmanagers elsewhere. */
  readonly sender: AlertSender;
  /** The rules of the API. */
  readonly book: RuleBook;
  /** Has them evaluated beside those of the files. */
  readonly feed: RuleFeed;
  readonly incidents: Incidents;
  readonly silences: SilenceBook;
  /** The servers that share no document store with this one. */
  readonly peering: Peering | undefined;
  /** For the metrics that Alertmanager has. */
  readonly counts: AlertmanagerCounts;
  readonly receivers: Receivers;
  readonly oncall: OnCall;
  readonly #closers: AsyncDisposableStack;
  /** Of the files. */
  #notifications: NotificationConfig;
  /** That and the channels that rules name. */
  #routed: NotificationConfig;
  /** What the dispatcher has been given; nothing before the first `apply`. */
  #told: { readonly notifications: NotificationConfig | undefined; readonly channels: string } = {
    notifications: undefined,
    channels: "",
  };

  private constructor(
    parts: Pick<
      Alerting,
      | "dispatcher"
      | "rules"
      | "sender"
      | "book"
      | "incidents"
      | "silences"
      | "peering"
      | "counts"
      | "receivers"
      | "oncall"
    >,
    options: Pick<AlertingOptions, "files" | "log"> & { readonly pastChannels: readonly string[] },
    closers: AsyncDisposableStack,
  ) {
    this.dispatcher = parts.dispatcher;
    this.rules = parts.rules;
    this.sender = parts.sender;
    this.book = parts.book;
    this.incidents = parts.incidents;
    this.silences = parts.silences;
    this.peering = parts.peering;
    this.counts = parts.counts;
    this.receivers = parts.receivers;
    this.oncall = parts.oncall;
    this.feed = new RuleFeed({
      ...{ book: parts.book, pastChannels: options.pastChannels },
      prepare: (channels) => this.#tell(channels),
      evaluate: (groups) => parts.rules.apply(groups),
      onProblem: problemLog(options.log),
    });
    this.#closers = closers;
    this.#notifications = options.files.notifications;
    this.#routed = options.files.notifications;
  }

  /**
   * Takes up what the last process left. No rule is evaluated before `apply`.
   *
   * @throws OperatingError of the document store.
   */
  static async open(options: AlertingOptions): Promise<Alerting> {
    await using closers = new AsyncDisposableStack();
    const { documents, http, externalUrl, log, files: loaded } = options;
    const onProblem = problemLog(log);
    let alerting: Alerting | undefined;
    const book = await RuleBook.open({
      ...{ clock: systemClock, store: documents, onProblem },
      onChange: () => void alerting?.feed.bookChanged(),
    });
    closers.use(book);
    const channels = channelsOfGroups([
      ...(await book.past()),
      ...book.groups(loaded.config.global),
    ]);
    const peering =
      options.cluster &&
      openPeering({
        ...{ settings: options.cluster, http, clock: systemClock },
        ...{ userAgent: USER_AGENT, onProblem },
      });
    const cluster = peering?.cluster;
    // What the parts before them ask of these, they ask later.
    let dispatcher: Dispatcher | undefined;
    let oncall: OnCall | undefined;
    let rules: RuleManager | undefined;
    const incidents = await Incidents.open({
      ...{ documents, clock: systemClock, externalUrl, onProblem },
      holdFlapping: options.holdFlapping,
      retentionMs: options.retention.incidentMs,
      acknowledgementMs: () => oncall?.acknowledgementMs,
      append: (batch) => options.store.append(batch),
      currentAlerts: (groupId) => dispatcher?.alertsOf(groupId),
      deliveries: async (query) => (await dispatcher?.log.query(query)) ?? [],
      onActed: (incident, action) => cluster?.tell([incidentUpdate(incident, action)]),
    });
    closers.use(incidents);
    const silences = await SilenceBook.open({
      ...{ store: documents, clock: systemClock, newId: randomUUID, onProblem },
      retentionMs: options.retention.silenceMs,
      onChange: () => dispatcher?.wake(),
      onEdited: (silences) => cluster?.tell(silenceUpdates(silences)),
    });
    closers.use(silences);
    const counts = new AlertmanagerCounts();
    const receivers = new Receivers({
      ...{ http, clock: systemClock, externalUrl, userAgent: USER_AGENT },
      aws: processAwsSurroundings(),
    });
    receivers.setTemplates(loaded.notifications.templates);
    dispatcher = await openDispatcher(options, {
      ...{ channels, silences, incidents, receivers, cluster, onProblem },
      ruleOf: (labels) => rules?.ruleOf(labels),
    });
    closers.use(dispatcher);
    if (cluster !== undefined) {
      closers.use(cluster);
      startCluster(cluster, {
        ...{ dispatcher, silences, incidents: incidents.book },
        ...{ clock: systemClock, onProblem },
      });
    }
    closers.use(followIncidents(incidents.book, dispatcher));
    oncall = await OnCall.open({
      ...{ documents, dispatcher, silences, config: loaded.oncall, onProblem },
      ...{ clock: systemClock, book: incidents.book, newId: randomUUID },
      contextOf: (incident, paged) => ({
        incident: incidents.named(incident, paged, systemClock.nowMs()),
      }),
    });
    closers.use(oncall);
    const clock = systemClock;
    const files = targetFiles();
    const sender = new AlertSender({
      ...{ clock, http, files, userAgent: USER_AGENT, onProblem },
      onAnswered: options.onAlertsSent,
    });
    closers.use(sender);
    rules = await openRules(options, dispatcher, sender, onProblem);
    closers.use(rules);
    alerting = new Alerting(
      { dispatcher, rules, sender, book, incidents, silences, peering, counts, receivers, oncall },
      { ...options, pastChannels: channels },
      closers.move(),
    );
    return alerting;
  }

  /** How alerts are routed now, with the channels that rules name. */
  get notifications(): NotificationConfig {
    return this.#routed;
  }

  /** Takes what the files say now: who is told first, so that no alert goes to those of before. */
  async apply({ config, notifications, oncall, groups }: LoadedFiles): Promise<void> {
    await this.sender.apply(config.alerting);
    this.#notifications = notifications;
    await this.feed.setFiles(groups, config.global);
    this.oncall.apply(oncall);
  }

  async #tell(channels: readonly string[]): Promise<void> {
    const told = { notifications: this.#notifications, channels: channels.join() };
    // Alerts are grouped anew by each other configuration: not with every rule that changes.
    const { notifications: before, channels: channelsBefore } = this.#told;
    if (before === told.notifications && channelsBefore === told.channels) return;
    const routed = withChannels(told.notifications, channels);
    this.receivers.setTemplates(routed.templates);
    await this.dispatcher.apply(routed);
    this.#routed = routed;
    this.#told = told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers.disposeAsync();
  }
}

function problemLog(log: Logger): (error: OperatingError, doing: string) => void {
  return (error, doing) => log.warn({ code: error.code, error: errorText(error) }, doing);
}

function openRules(
  { documents, queries, store, threads, externalLabels, externalUrl, rules }: AlertingOptions,
  dispatcher: Dispatcher,
  sender: AlertSender,
  onProblem: (error: OperatingError, doing: string) => void,
): Promise<RuleManager> {
  return RuleManager.open({
    ...rules,
    clock: systemClock,
    store: documents,
    evaluate: (expr, timeMs, signal, group) =>
      queries.service.evaluate(expr, timeMs, signal, group),
    append: (batch) => store.append(batch),
    recordTransitions: (tx, transitions) =>
      AlertHistory.append(tx, transitionRecords(transitions, externalLabels())),
    notify: (alerts, telling) => {
      sender.send(alerts, telling);
      return dispatcher.update(alerts);
    },
    alertsChanged: (exprs) => {
      const metrics = exprs.map(readMetrics);
      const known = metrics.filter((each) => each !== undefined);
      const all = new Set(known.flatMap((each) => [...each]));
      threads.dropCached(known.length === metrics.length ? all : undefined);
      queries.answers?.cache.drop();
    },
    externalLabels,
    externalUrl,
    onProblem,
  });
}
