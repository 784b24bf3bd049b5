import type { Clock, Labels, Matcher } from "@pharos/base";
import type { DeliveryLog } from "@pharos/notify";
import type { MetricMetadata as StoredMetadata, TimeRange } from "@pharos/ports";
import type { IncidentLinks } from "../alerting/incident-links.ts";
import type { RuleBook } from "../rule-book/rule-book.ts";
import type { RuleFeed } from "../rule-book/rule-feed.ts";
import type { RuleTester } from "../rule-book/rule-test.ts";
import type { RetentionPreview } from "../threads/store-calls.ts";
import type { AlertmanagerProvider } from "./alertmanager-routes.ts";
import type { Answer } from "./answer.ts";
import type { Client } from "./client.ts";
import type { ClusterProvider } from "./cluster-routes.ts";
import type { IncidentsProvider } from "./incident-routes.ts";
import type { Notifications } from "./notifications.ts";
import type { OnCallProvider } from "./oncall-routes.ts";
import type { QueryStatusProvider } from "./query-status-routes.ts";
import type { ReadRequest } from "./read-request.ts";
import type { ReceiversProvider } from "./receiver-routes.ts";

/** All that the HTTP API asks of the rest of the program. */
export interface ApiDependencies {
  readonly clock: Clock;
  /** Answers what is read from samples and series. */
  readonly read: (request: ReadRequest, client?: Client) => Promise<Answer>;
  readonly queries: QueryStatusProvider;
  readonly targets: TargetsProvider;
  readonly rules: RulesProvider;
  readonly incidents: IncidentsProvider;
  readonly oncall: OnCallProvider;
  readonly incidentLinks: Pick<IncidentLinks, "verify">;
  readonly alertRules: AlertRulesProvider;
  readonly alertmanagers: AlertmanagersProvider;
  readonly alertmanager: AlertmanagerProvider;
  /** Undefined where this server has no peers. */
  readonly cluster: ClusterProvider | undefined;
  readonly deliveries: Pick<DeliveryLog, "query">;
  readonly receivers: ReceiversProvider;
  readonly metadata: MetadataProvider;
  readonly status: StatusProvider;
  readonly lifecycle: Lifecycle;
  readonly notifications: Notifications;
  readonly admin: Admin;
  /** Our own metrics in the text format 0.0.4. */
  metricsText(): Promise<string>;
  /** Told of errors that are nobody's fault but ours, with their stack; the client gets a 500. */
  onBug(error: unknown): void;
  /** The path under which the outside world sees the server, such as `/pharos`; empty for the root. */
  readonly pathPrefix: string;
  /** The files of the page, by path from the page's root (`index.html`, `assets/app-1a2b.js`); empty if it is not built. */
  readonly assets: ReadonlyMap<string, Uint8Array>;
}

/** Where alerts are sent on to. */
export interface AlertmanagersProvider {
  /** URLs; of what relabelling dropped, too. */
  targets(): { readonly active: readonly string[]; readonly dropped: readonly string[] };
}

export interface ActiveTarget {
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  /** `scrapeUrl` as others can reach it: without "localhost". */
  readonly globalUrl: string;
  /** Before relabelling. */
  readonly discoveredLabels: Labels;
  readonly labels: Labels;
  /** "" without one. */
  readonly lastError: string;
  /** Undefined before the first scrape. */
  readonly lastScrapeMs: number | undefined;
  readonly lastScrapeDurationMs: number;
  readonly health: "up" | "down" | "unknown";
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
}

export interface DroppedTarget {
  readonly scrapePool: string;
  readonly discoveredLabels: Labels;
}

export interface TargetsProvider {
  /** The names of the scrape jobs. */
  scrapePools(): readonly string[];
  activeTargets(): readonly ActiveTarget[];
  droppedTargets(): readonly DroppedTarget[];
}

export interface MetricMetadata {
  readonly metric: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
  /** Labels of the target that said so. */
  readonly target: Labels;
}

export interface MetadataProvider {
  /** What targets say of their metrics; only of `metric` where it is given. */
  metadata(metric: string | undefined): Iterable<MetricMetadata>;
  /** What was said last of each metric, by whatever way it came; only of `metric` where it is given. */
  stored(metric: string | undefined): Promise<readonly StoredMetadata[]>;
}

export interface ActiveAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: "pending" | "firing";
  readonly activeAtMs: number;
  /** Since when it fires only because of `keep_firing_for`. */
  readonly keepFiringSinceMs: number | undefined;
  readonly value: number;
}

interface RuleStatusBase {
  readonly name: string;
  /** The expression. */
  readonly query: string;
  readonly labels: Labels;
  readonly health: "ok" | "err" | "unknown";
  readonly lastError: string;
  readonly evaluationTimeMs: number;
  /** Undefined before the first evaluation. */
  readonly lastEvaluationMs: number | undefined;
}

export interface AlertingRuleStatus extends RuleStatusBase {
  readonly kind: "alert";
  readonly state: "inactive" | "pending" | "firing" | "unknown";
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly annotations: Labels;
  readonly alerts: readonly ActiveAlert[];
}

export interface RecordingRuleStatus extends RuleStatusBase {
  readonly kind: "record";
}

export interface RuleGroupStatus {
  readonly name: string;
  readonly file: string;
  readonly intervalMs: number;
  readonly limit: number;
  readonly evaluationTimeMs: number;
  readonly lastEvaluationMs: number | undefined;
  readonly rules: readonly (AlertingRuleStatus | RecordingRuleStatus)[];
}

export interface RulesProvider {
  /** In the order of files and of groups in them. */
  groups(): readonly RuleGroupStatus[];
  /** One of them, without a look at all others. */
  group(name: { readonly file: string; readonly name: string }): RuleGroupStatus | undefined;
}

/** Rules that requests make, change and test. */
export interface AlertRulesProvider {
  readonly book: RuleBook;
  readonly feed: RuleFeed;
  readonly tester: RuleTester;
  /** The names of those who can be told. */
  receivers(): ReadonlySet<string>;
  /** Which header names the user; undefined for none. */
  readonly userHeader: string | undefined;
}

export interface BuildInfo {
  readonly version: string;
  readonly revision: string;
  readonly branch: string;
  readonly buildUser: string;
  readonly buildDate: string;
  /** Of the JavaScript runtime; Prometheus's clients read it as `goVersion`. */
  readonly runtimeVersion: string;
}

export interface RuntimeInfo {
  readonly startTimeMs: number;
  readonly workingDirectory: string;
  readonly hostname: string;
  readonly reloadConfigSuccess: boolean;
  readonly lastConfigTimeMs: number;
  readonly corruptionCount: number;
  /** Logical processors that are used. */
  readonly processors: number;
  /** As people say it: `15d`, `15d or 10GiB`. */
  readonly storageRetention: string;
}

/** How often a name or value comes, for finding what makes many series. */
export interface Cardinality {
  readonly name: string;
  readonly value: number;
}

export interface TsdbStatus {
  readonly head: {
    readonly seriesCount: number;
    readonly labelPairCount: number;
    readonly chunkCount: number;
    readonly minTimeMs: number;
    readonly maxTimeMs: number;
  };
  readonly seriesCountByMetricName: readonly Cardinality[];
  readonly labelValueCountByLabelName: readonly Cardinality[];
  readonly memoryInBytesByLabelName: readonly Cardinality[];
  readonly seriesCountByLabelValuePair: readonly Cardinality[];
}

/** A block on disk, as plain data. */
export interface ListedBlock {
  readonly name: string;
  /** `raw`, or the rollup tier's name. */
  readonly tier: string;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly samples: number;
  readonly series: number;
  readonly chunks: number;
  readonly size: number;
  readonly sources: readonly string[];
  readonly version: number;
}

export interface StatusProvider {
  readonly build: BuildInfo;
  runtime(): RuntimeInfo | Promise<RuntimeInfo>;
  /** The configuration as it may be shown, secrets masked. */
  configText(): string;
  /** Command line options by name, without dashes. */
  flags(): Readonly<Record<string, string>>;
  /** `limit` entries at most in each list. */
  tsdb(limit: number): TsdbStatus | Promise<TsdbStatus>;
  /** All blocks on disk, those of rollup tiers too. */
  blocks(): Promise<readonly ListedBlock[]>;
  /**
   * What would go by retention now, with the configuration as the files say it at this moment.
   * @throws OperatingError `config.invalid`.
   */
  retention(): Promise<RetentionPreview>;
}

export interface Lifecycle {
  /** Why the server cannot do all of its work now, for whoever runs it; undefined while it can. */
  problem(): string | undefined;
  /** Undefined where whoever reaches the address may not control the server. */
  readonly control: LifecycleControl | undefined;
}

export interface LifecycleControl {
  /** Loads the configuration again. @throws OperatingError `config.invalid`: the old one goes on. */
  reload(): Promise<void>;
  /** Begins a graceful stop. */
  quit(): void;
}

export interface Admin {
  /** Undefined where whoever reaches the address may not change what is stored. */
  readonly control: AdminControl | undefined;
}

/** Bytes and blocks on disk. */
export interface StorageSize {
  readonly blocks: number;
  readonly blockBytes: number;
  readonly rollupBlocks: number;
  readonly rollupBytes: number;
  readonly walBytes: number;
}

export interface StorageChange {
  readonly before: StorageSize;
  readonly after: StorageSize;
}

/** Each throws OperatingError `disk.full`, `disk.failed`, and `queue.full` where too much waits already. */
export interface AdminControl {
  /** Copies the store to a folder of its own below the data folder's `snapshots`, and answers its name. */
  snapshot(skipHead: boolean): Promise<string>;
  /** Deletes the samples of the series that match all of the matchers, both ends of the range included. */
  deleteSeries(matchers: readonly Matcher[], range: TimeRange): Promise<void>;
  /** Rewrites the blocks that hold deleted samples. */
  cleanTombstones(): Promise<void>;
  /** Moves what is in memory to blocks. */
  flush(): Promise<StorageChange>;
  /** Merges all blocks that can be merged. */
  compact(): Promise<StorageChange>;
}
