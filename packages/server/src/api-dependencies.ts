import { availableParallelism, hostname } from "node:os";
import { setImmediate } from "node:timers/promises";
import { systemClock } from "@pharos/adapters/node";
import { formatDuration } from "@pharos/base";
import type { ScrapeManager } from "@pharos/collect";
import { testReceiver } from "@pharos/notify";
import type { Alerting } from "./alerting/alerting.ts";
import { shownCluster } from "./alerting/peering.ts";
import { BUILD_INFO } from "./build-info.ts";
import type { DatabaseWatch } from "./database-watch.ts";
import type { ApiDependencies, StatusProvider } from "./http/dependencies.ts";
import type { Notifications } from "./http/notifications.ts";
import { isLoopback, type ServeOptions, shownOptions } from "./options.ts";
import { readPageAssets } from "./page-assets.ts";
import type { QueryParts } from "./queries/query-parts.ts";
import { receiverNames, replayRouting, withChannels } from "./rule-book/channel-routing.ts";
import { RuleTester } from "./rule-book/rule-test.ts";
import type { RunningFiles } from "./running-files.ts";
import { changeableSettings } from "./store-settings.ts";
import type { StoreThread } from "./threads/store-thread.ts";

/** The parts of the server that the HTTP API answers from, and what it may do to the whole. */
export interface ServedParts {
  readonly options: ServeOptions;
  readonly files: RunningFiles;
  /** Where this server is reached from outside, without a slash at the end. */
  readonly url: string;
  readonly pathPrefix: string;
  /** This server's name among those that share its work. */
  readonly replicaName: string;
  readonly startTimeMs: number;
  readonly store: StoreThread;
  readonly queries: QueryParts;
  readonly scrapes: ScrapeManager;
  readonly alerting: Alerting;
  /** Undefined where all is in the data folder. */
  readonly database: DatabaseWatch | undefined;
  readonly notifications: Notifications;
  readonly read: ApiDependencies["read"];
  metricsText(): Promise<string>;
  reload(): Promise<void>;
  quit(): void;
  onBug(error: unknown): void;
}

/** All that the HTTP API asks of the rest of the program, out of the parts that are open. */
export function apiDependencies(parts: ServedParts): ApiDependencies {
  const { options, files, store, scrapes, alerting } = parts;
  return {
    clock: systemClock,
    read: parts.read,
    queries: queryStatus(parts),
    targets: {
      scrapePools: () => files.current.config.scrapeJobs.map(({ jobName }) => jobName),
      activeTargets: () => scrapes.activeTargets(),
      droppedTargets: () => scrapes.droppedTargets(),
    },
    rules: alerting.rules,
    incidents: alerting.incidents,
    oncall: alerting.oncall,
    incidentLinks: alerting.incidents.links,
    alertRules: alertRules(parts),
    alertmanagers: { targets: () => alerting.sender.targets() },
    deliveries: alerting.dispatcher.log,
    cluster: alerting.peering,
    receivers: receivers(parts),
    alertmanager: alertmanager(parts),
    metadata: {
      *metadata(metric) {
        for (const { family, type, help, unit, targetLabels } of scrapes.families())
          if (metric === undefined || metric === family)
            yield { metric: family, type, help, unit, target: targetLabels };
      },
      stored: (metric) => store.metadata(metric),
    },
    status: status(parts),
    notifications: parts.notifications,
    lifecycle: {
      problem: () => databaseProblem(parts.database),
      control: mayControl(options)
        ? { reload: () => parts.reload(), quit: () => parts.quit() }
        : undefined,
    },
    admin: { control: mayAdminister(options) ? store : undefined },
    metricsText: () => parts.metricsText(),
    onBug: (error) => parts.onBug(error),
    assets: readPageAssets(),
    pathPrefix: parts.pathPrefix,
  };
}

/** Whether anyone who reaches the address may reload and stop. */
function mayControl({ lifecycle, listen }: ServeOptions): boolean {
  return lifecycle || isLoopback(listen);
}

/** Whether anyone who reaches the address may copy and delete what is stored, and have any receiver told. */
function mayAdminister({ adminApi, listen }: ServeOptions): boolean {
  return adminApi || isLoopback(listen);
}

function databaseProblem(database: DatabaseWatch | undefined): string | undefined {
  const problem = database?.problem;
  return problem === undefined ? undefined : `the database does not answer: ${problem}`;
}

function queryStatus({ queries }: ServedParts): ApiDependencies["queries"] {
  return {
    nowMonotonicMs: () => systemClock.monotonicMs(),
    active: () => queries.active.list(),
    cancel: (id) => queries.active.cancel(id),
    remembered: queries.top.sizeMax,
    totals: (sinceMs) => queries.top.totals(sinceMs),
  };
}

function alertRules({
  options,
  files,
  url,
  alerting,
  read,
}: ServedParts): ApiDependencies["alertRules"] {
  const { book, feed } = alerting;
  return {
    ...{ book, feed, userHeader: options.queryUserHeader },
    receivers: () => receiverNames(alerting.notifications),
    tester: new RuleTester({
      ...{ clock: systemClock, read, turn: () => setImmediate(), externalUrl: url },
      externalLabels: () => files.current.config.global.externalLabels,
      routing: (channels) => replayRouting(withChannels(alerting.notifications, channels)),
    }),
  };
}

function receivers({ options, url, alerting }: ServedParts): ApiDependencies["receivers"] {
  const { dispatcher, receivers } = alerting;
  const { environment } = receivers;
  return {
    config: () => dispatcher.config,
    groups: () => dispatcher.groups(),
    integrations: () => dispatcher.integrations(),
    test: (receiver, signal, labels) => testReceiver(receiver, environment, signal, labels),
    templates: (definitions) => receivers.templatesWith(definitions),
    externalUrl: url,
    timeZone: environment.timeZone ?? "UTC",
    mayTestOthers: mayAdminister(options),
  };
}

function alertmanager(parts: ServedParts): ApiDependencies["alertmanager"] {
  const { dispatcher, silences, counts, peering } = parts.alerting;
  return {
    ...{ dispatcher, silences, counts },
    configText: () => parts.files.current.notificationsText,
    cluster: () =>
      shownCluster(peering, {
        ...{ name: parts.replicaName, address: parts.url },
        isShared: parts.options.databaseUrl !== undefined,
      }),
  };
}

function status({ options, files, startTimeMs, store }: ServedParts): StatusProvider {
  return {
    build: BUILD_INFO,
    runtime: async () => ({
      startTimeMs,
      workingDirectory: process.cwd(),
      hostname: hostname(),
      reloadConfigSuccess: files.status.ok,
      lastConfigTimeMs: files.status.atMs,
      corruptionCount: (await store.stats()).problems.length,
      processors: availableParallelism(),
      storageRetention: formatDuration(
        changeableSettings(files.current.config.storage, options).retentionMs,
      ),
    }),
    configText: () => files.current.text,
    flags: () => shownOptions(options),
    tsdb: (limit) => store.tsdbStatus(limit),
    blocks: () => store.blocks(),
    retention: () => {
      // As the files are now: what a reload would do can be seen before it is done.
      const { storage } = files.read().config;
      return store.planRetention(changeableSettings(storage, options));
    },
  };
}
