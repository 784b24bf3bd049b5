import { buildRoute, type RuleGroup } from "@pharos/alert";
import { formatMatcher, labelsFrom, type NO_LABELS, type OperatingError } from "@pharos/base";
import {
  DeliveryLog,
  type DeliveryStatus,
  type NotificationConfig,
  SILENT_NOTIFICATION_CONFIG,
  testReceiver,
} from "@pharos/notify";
import type { ExemplarReader, SeriesStore } from "@pharos/ports";
import { createEngine } from "@pharos/promql/engine";
import { MemoryDocumentStore, MemoryStore, SimClock, SimNetwork } from "@pharos/testing";
import type { Hono } from "hono";
import { Receivers } from "../src/alerting/receivers.ts";
import type { AlertmanagerProvider } from "../src/http/alertmanager-routes.ts";
import { createApi } from "../src/http/api.ts";
import type { ClusterProvider } from "../src/http/cluster-routes.ts";
import type {
  ActiveTarget,
  AdminControl,
  AlertRulesProvider,
  ApiDependencies,
  MetricMetadata,
  RuleGroupStatus,
} from "../src/http/dependencies.ts";
import { Notifications } from "../src/http/notifications.ts";
import type { OnCallProvider } from "../src/http/oncall-routes.ts";
import { createReadRoutes, type ReadRoutes } from "../src/http/read-routes.ts";
import type { ReceiversProvider } from "../src/http/receiver-routes.ts";
import type { RemoteReadLimits } from "../src/http/remote-read.ts";
import { ActiveQueries } from "../src/queries/active-queries.ts";
import type { QueryRun } from "../src/queries/query-run.ts";
import type { QueryTerms } from "../src/queries/query-terms.ts";
import { TopQueries } from "../src/queries/top-queries.ts";
import { RuleBook } from "../src/rule-book/rule-book.ts";
import { RuleFeed } from "../src/rule-book/rule-feed.ts";
import { RuleTester } from "../src/rule-book/rule-test.ts";
import { RuleManager } from "../src/rules/rule-manager.ts";
import { IncidentWorld, TEST_LINKS } from "./incident-world.ts";

/** 2026-01-01T00:00:00Z: when it is now in these tests. */
export const NOW_MS = 1_767_225_600_000;
export const NOW_SECONDS = NOW_MS / 1000;

const SIZE = { blocks: 3, blockBytes: 900, rollupBlocks: 2, rollupBytes: 80, walBytes: 70 };

/** The configuration of such an API. */
export const CONFIG_TEXT = `global: {}
scrape_configs:
  - job_name: node
    relabel_configs:
      - { source_labels: [a], target_label: c, replacement: "$1-x" }
      - { source_labels: [c], regex: "b-.*", action: drop }
  - job_name: web
`;

const RULE_DEFAULTS = { evaluationIntervalMs: 15_000, ruleQueryOffsetMs: 0 };

/** An API with the real engine on a store in memory; the rest is what a test sets. */
export class HttpWorld {
  readonly clock = new SimClock(NOW_MS);
  readonly store: SeriesStore = new MemoryStore();
  readonly engine = createEngine({ clock: this.clock });
  reload: () => Promise<void> = async () => {};
  quitCalls = 0;
  /** What keeps the server from its work. */
  problem: string | undefined;
  mayControl = true;
  mayAdminister = true;
  readonly administered: unknown[] = [];
  administer: () => Promise<void> = async () => {};
  readonly bugs: unknown[] = [];
  readonly notifications = new Notifications(this.clock);
  alertmanagers: { readonly active: readonly string[]; readonly dropped: readonly string[] } = {
    active: [],
    dropped: [],
  };
  groups: readonly RuleGroupStatus[] = [];
  /** What queries may take; without it only the engine's own limits hold. */
  terms: QueryTerms | undefined;
  /** What remote reads may take; Prometheus's limits unless set. */
  remoteRead: RemoteReadLimits | undefined;
  readonly runs: QueryRun[] = [];
  readonly activeQueries = new ActiveQueries(1);
  readonly top = new TopQueries(100);
  active: readonly ActiveTarget[] = [];
  dropped: readonly { scrapePool: string; discoveredLabels: typeof NO_LABELS }[] = [];
  metadata: readonly MetricMetadata[] = [];
  storedMetadata: readonly Omit<MetricMetadata, "target">[] = [];
  exemplars: ExemplarReader["exemplars"] = async () => [];
  assets: ReadonlyMap<string, Uint8Array> = new Map();
  pathPrefix = "";
  documents = new MemoryDocumentStore();
  alertmanager: AlertmanagerProvider | undefined;
  oncall: OnCallProvider | undefined;
  /** How it stands with integrations that something was sent to. */
  readonly integrations = new Map<string, DeliveryStatus>();
  /** What receivers reach. */
  readonly network = new SimNetwork(this.clock);
  cluster: ClusterProvider | undefined;
  deliveries: Pick<DeliveryLog, "query"> = new DeliveryLog(this.documents, "server-1");
  /** Who can be told, where there is no Alertmanager. */
  notificationConfig: NotificationConfig = SILENT_NOTIFICATION_CONFIG;
  mayTestOthers = true;
  readonly incidents = new IncidentWorld(this.clock);
  /** Those that rules of the API name. */
  channels: readonly string[] = [];
  #alertRules: AlertRulesProvider | undefined;
  #manager: RuleManager | undefined;
  #app: Hono | undefined;

  /** One sample a second, ending now: `value(i)` for i from 0. */
  async write(
    labels: Record<string, string>,
    count: number,
    value: (i: number) => number,
  ): Promise<void> {
    const indices = Array.from({ length: count }, (_, i) => i);
    await this.store.append({
      labelSets: [labelsFrom(labels)],
      series: new Uint32Array(count),
      timestampsMs: Float64Array.from(indices, (i) => NOW_MS - (count - 1 - i) * 1000),
      values: Float64Array.from(indices, value),
      stale: null,
    });
  }

  /** Lets requests make rules, beside these of files; they are evaluated as time passes. */
  async openRules(fileGroups: readonly RuleGroup[] = []): Promise<RuleManager> {
    const { clock, documents } = this;
    const onProblem = (error: OperatingError, doing: string): void => {
      this.bugs.push(`${doing}: ${error.message}`);
    };
    const manager = await RuleManager.open({
      ...{ clock, store: documents, externalUrl: "http://pharos.test", onProblem },
      evaluate: (expr, timeMs, signal) => this.engine.instant(this.store, expr, timeMs, { signal }),
      append: (batch) => this.store.append(batch),
      notify: async () => {},
      externalLabels: () => labelsFrom({ cluster: "c1" }),
    });
    const onChange = (): void => void this.#alertRules?.feed.bookChanged();
    const book = await RuleBook.open({ clock, store: documents, onChange, onProblem });
    const feed = new RuleFeed({
      ...{ book, pastChannels: [] },
      prepare: async (channels) => {
        this.channels = channels;
      },
      evaluate: (groups) => manager.apply(groups),
      onProblem,
    });
    await feed.setFiles(fileGroups, RULE_DEFAULTS);
    this.#manager = manager;
    this.#alertRules = {
      ...{ book, feed, userHeader: "X-User" },
      receivers: () => new Set(["team", "email"]),
      tester: new RuleTester({
        ...{ clock, read: this.read, turn: async () => {}, externalUrl: "http://pharos.test" },
        externalLabels: () => labelsFrom({ cluster: "c1" }),
        routing: () => ({
          route: buildRoute({ receiver: "team", groupBy: ["alertname"] }),
          integrations: () => [{ key: "team/webhook[0]", sendResolved: true }],
        }),
      }),
    };
    return manager;
  }

  /** As a reload of other rule files. */
  async setFileRules(groups: readonly RuleGroup[]): Promise<void> {
    await this.#alertRules?.feed.setFiles(groups, RULE_DEFAULTS);
  }

  get app(): Hono {
    this.#app ??= createApi(this.#dependencies());
    return this.#app;
  }

  /** The read routes by themselves. */
  get read(): ReadRoutes {
    const world = this;
    return createReadRoutes({
      clock: this.clock,
      get terms() {
        return world.terms;
      },
      get remoteRead() {
        return world.remoteRead;
      },
      observe: (run) => this.runs.push(run),
      engine: this.engine,
      store: this.store,
      exemplars: { exemplars: async (...asked) => this.exemplars(...asked) },
      queryTimeoutMs: 120_000,
      lookbackMs: 300_000,
      externalLabels: () => labelsFrom({ cluster: "c1" }),
    });
  }

  #dependencies(): ApiDependencies {
    const world = this;
    return {
      clock: this.clock,
      read: this.read,
      queries: {
        nowMonotonicMs: () => this.clock.monotonicMs(),
        active: () => this.activeQueries.list(),
        cancel: (id) => this.activeQueries.cancel(id),
        remembered: this.top.sizeMax,
        totals: (sinceMs) => this.top.totals(sinceMs),
      },
      targets: {
        scrapePools: () => ["node", "web"],
        activeTargets: () => this.active,
        droppedTargets: () => this.dropped,
      },
      incidents: this.incidents,
      incidentLinks: TEST_LINKS,
      get oncall(): OnCallProvider {
        if (world.oncall === undefined) throw new Error("the test says nothing of who is on call");
        return world.oncall;
      },
      rules: {
        groups: () => [...this.groups, ...(this.#manager?.groups() ?? [])],
        group: (name) => this.#manager?.group(name),
      },
      get alertRules(): AlertRulesProvider {
        if (world.#alertRules === undefined) throw new Error("openRules has not been called");
        return world.#alertRules;
      },
      alertmanagers: { targets: () => this.alertmanagers },
      get cluster(): ClusterProvider | undefined {
        return world.cluster;
      },
      deliveries: { query: (query) => this.deliveries.query(query) },
      receivers: this.#receivers(),
      get alertmanager(): AlertmanagerProvider {
        if (world.alertmanager === undefined) throw new Error("the test sets no alertmanager");
        return world.alertmanager;
      },
      metadata: {
        metadata: (metric) =>
          this.metadata.filter((entry) => metric === undefined || entry.metric === metric),
        stored: async (metric) =>
          this.storedMetadata.filter((entry) => metric === undefined || entry.metric === metric),
      },
      status: {
        build: {
          version: "3.0.0",
          revision: "abc",
          branch: "main",
          buildUser: "me",
          buildDate: "20260101",
          runtimeVersion: "node 26",
        },
        runtime: () => ({
          startTimeMs: NOW_MS - 60_000,
          workingDirectory: "/srv",
          hostname: "host-1",
          reloadConfigSuccess: true,
          lastConfigTimeMs: NOW_MS - 60_000,
          corruptionCount: 0,
          processors: 2,
          storageRetention: "15d",
        }),
        configText: () => CONFIG_TEXT,
        flags: () => ({ "web.listen-address": "127.0.0.1:9090" }),
        tsdb: (limit) => ({
          head: {
            seriesCount: 3,
            labelPairCount: 4,
            chunkCount: 5,
            minTimeMs: NOW_MS - 1000,
            maxTimeMs: NOW_MS,
          },
          seriesCountByMetricName: [
            { name: "up", value: 2 },
            { name: "cpu", value: 1 },
          ].slice(0, limit),
          labelValueCountByLabelName: [],
          memoryInBytesByLabelName: [],
          seriesCountByLabelValuePair: [],
        }),
        blocks: async () => [
          {
            ...{ name: "0-7200000-1", tier: "raw", minTimeMs: 5, maxTimeMs: 7_199_999 },
            ...{ samples: 40, series: 2, chunks: 2, size: 900, sources: [], version: 2 },
          },
        ],
        retention: async () => ({
          remove: [{ tier: "raw", path: "blocks/a", rangeStartMs: 0, rangeEndMs: 7, size: 90 }],
          rewrite: [],
          expired: [
            { tier: "raw", rule: 0, series: 1, samples: 20, size: 50 },
            { tier: "raw", rule: undefined, series: 1, samples: 10, size: 40 },
          ],
        }),
      },
      notifications: this.notifications,
      lifecycle: {
        problem: () => this.problem,
        get control() {
          if (!world.mayControl) return undefined;
          return { reload: () => world.reload(), quit: () => void world.quitCalls++ };
        },
      },
      admin: {
        get control() {
          return world.mayAdminister ? world.#admin() : undefined;
        },
      },
      metricsText: async () => "up 1\n",
      onBug: (error) => this.bugs.push(error),
      assets: this.assets,
      pathPrefix: this.pathPrefix,
    };
  }

  #receivers(): ReceiversProvider {
    const world = this;
    const externalUrl = "http://pharos.test";
    const receivers = new Receivers({
      ...{ http: this.network, clock: this.clock, externalUrl, userAgent: "Pharos/test" },
    });
    return {
      config: () => this.alertmanager?.dispatcher.config ?? this.notificationConfig,
      groups: () => this.alertmanager?.dispatcher.groups() ?? [],
      integrations: () => this.integrations,
      test: (receiver, signal, labels) =>
        testReceiver(receiver, receivers.environment, signal, labels),
      templates: (definitions) => receivers.templatesWith(definitions),
      ...{ externalUrl, timeZone: "UTC" },
      get mayTestOthers() {
        return world.mayTestOthers;
      },
    };
  }

  #admin(): AdminControl {
    const note = async <T>(action: readonly unknown[], answer: T): Promise<T> => {
      await this.administer();
      this.administered.push(action);
      return answer;
    };
    const change = { before: SIZE, after: { ...SIZE, blocks: 1, blockBytes: 500 } };
    return {
      snapshot: (skipHead) => note(["snapshot", skipHead], "20260101T000000Z-00000000000000ff"),
      deleteSeries: (matchers, { minMs, maxMs }) =>
        note(["delete", matchers.map(formatMatcher).join(","), minMs, maxMs], undefined),
      cleanTombstones: () => note(["clean"], undefined),
      flush: () => note(["flush"], change),
      compact: () => note(["compact"], change),
    };
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.app.request(path, { headers });
  }

  async post(path: string, form: Record<string, string> | URLSearchParams): Promise<Response> {
    return this.app.request(path, { method: "POST", body: new URLSearchParams(form) });
  }

  /** Status and body as JSON, of a GET of `path` under /api/v1. */
  async ask(path: string): Promise<{ status: number; body: unknown }> {
    const response = await this.get(`/api/v1/${path}`);
    return { status: response.status, body: await response.json() };
  }

  /** The data of a successful answer. */
  async data(path: string): Promise<unknown> {
    const { status, body } = await this.ask(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    return (body as { data: unknown }).data;
  }
}
