import type { GroupAlert } from "@pharos/alert";
import { type Clock, OperatingError } from "@pharos/base";
import {
  FileDiscovery,
  HttpDiscovery,
  type RelabelRule,
  relabel,
  requestHeaders,
  type TargetFiles,
} from "@pharos/collect";
import type { HttpClient } from "@pharos/ports";
import type { AlertingConfig, AlertmanagerSetConfig } from "../config/alerting-config.ts";
import type { AlertTelling } from "../rules/rule-surroundings.ts";
import { type PostedAlert, postedAlert } from "./alert-json.ts";
import {
  ALERT_QUEUE_MAX,
  AlertmanagerClient,
  type AlertmanagerCounts,
} from "./alertmanager-client.ts";
import { alertmanagerTargets } from "./alertmanager-target.ts";

export interface AlertSenderOptions {
  readonly clock: Clock;
  readonly http: HttpClient;
  /** Where files that list Alertmanagers are read. */
  readonly files: TargetFiles;
  readonly userAgent: string;
  /** Told of each request to an Alertmanager, also of one that failed, how long it took. */
  readonly onAnswered?: (alertmanager: string, seconds: number) => void;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** What the sender says of itself. */
export interface AlertSenderStats {
  readonly queueCapacity: number;
  /** Alerts that wait, of all Alertmanagers. */
  readonly queued: number;
  readonly alertmanagers: ReadonlyMap<string, Readonly<AlertmanagerCounts>>;
}

/**
 * Sends the alerts of rules on to Alertmanagers elsewhere, as Prometheus does: after the rules `alert_relabel_configs`,
 * to all of each set at once.
 */
export class AlertSender implements AsyncDisposable {
  readonly #options: AlertSenderOptions;
  #relabelRules: readonly RelabelRule[] = [];
  #sets: readonly AlertmanagerSet[] = [];

  constructor(options: AlertSenderOptions) {
    this.#options = options;
  }

  /** Takes another configuration; what waits for Alertmanagers that stay where they are is not sent any more. */
  async apply({ alertRelabelRules, alertmanagers }: AlertingConfig): Promise<void> {
    const before = this.#sets;
    this.#relabelRules = alertRelabelRules;
    this.#sets = alertmanagers.map((config) => new AlertmanagerSet(config, this.#options, before));
    await Promise.all(before.map((set) => set.stop()));
    for (const set of this.#sets) set.start();
  }

  /** Returns at once; nothing is lost by telling alerts that nobody wants. */
  send(alerts: readonly GroupAlert[], telling: AlertTelling): void {
    if (this.#sets.length === 0) return;
    const relabelled = alerts.flatMap((alert) => {
      const labels = relabel(alert.labels, this.#relabelRules);
      return labels === undefined || labels.length === 0 ? [] : [{ ...alert, labels }];
    });
    for (const set of this.#sets) set.send(relabelled, telling);
  }

  /** Where alerts go, and where they would if relabelling had not dropped the target. */
  targets(): { readonly active: readonly string[]; readonly dropped: readonly string[] } {
    return {
      active: this.#sets.flatMap(({ active }) => active),
      dropped: this.#sets.flatMap(({ dropped }) => dropped),
    };
  }

  stats(): AlertSenderStats {
    const clients = this.#sets.flatMap((set) => set.clients);
    return {
      queueCapacity: ALERT_QUEUE_MAX,
      queued: clients.reduce((sum, { waiting }) => sum + waiting, 0),
      alertmanagers: new Map(clients.map(({ url, counts }) => [url, counts])),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sets.map((set) => set.stop()));
  }
}

/** One entry of `alerting.alertmanagers`. */
class AlertmanagerSet {
  readonly #config: AlertmanagerSetConfig;
  readonly #options: AlertSenderOptions;
  readonly #files: readonly FileDiscovery[];
  readonly #endpoints: readonly HttpDiscovery[];
  readonly #stop = new AbortController();
  readonly #clients = new Map<string, AlertmanagerClient>();
  /** Counts of addresses that are, or were, in the set. */
  readonly #counts: Map<string, AlertmanagerCounts>;
  readonly #ending = new Set<Promise<void>>();
  #refreshing: Promise<unknown> = Promise.resolve();
  #dropped: readonly string[] = [];

  constructor(
    config: AlertmanagerSetConfig,
    options: AlertSenderOptions,
    before: readonly AlertmanagerSet[],
  ) {
    this.#config = config;
    this.#options = options;
    this.#counts = new Map(before.flatMap((set) => [...set.#counts]));
    this.#files = config.fileSdConfigs.map((files) => new FileDiscovery(files, options.files));
    // Until an endpoint has answered, those count that it named before the configuration was loaded again.
    const known = new Map(
      before.flatMap((set) => set.#endpoints.map(({ url, groups }) => [url, groups] as const)),
    );
    this.#endpoints = config.httpSdConfigs.map(
      (endpoint) => new HttpDiscovery(endpoint, options, known.get(endpoint.url)),
    );
  }

  get clients(): readonly AlertmanagerClient[] {
    return [...this.#clients.values()];
  }

  get active(): readonly string[] {
    return [...this.#clients.keys()];
  }

  get dropped(): readonly string[] {
    return this.#dropped;
  }

  start(): void {
    for (const discovery of this.#files) discovery.refresh();
    this.#follow();
    this.#refreshing = Promise.all([
      ...this.#files.map((discovery) => this.#readAgain(discovery)),
      ...this.#endpoints.map((discovery) => this.#askAgain(discovery)),
    ]);
  }

  send(alerts: readonly GroupAlert[], telling: AlertTelling): void {
    if (this.#clients.size === 0) return;
    const posted: PostedAlert[] = [];
    for (const alert of alerts) {
      const labels = relabel(alert.labels, this.#config.alertRelabelRules);
      if (labels !== undefined && labels.length > 0)
        posted.push(postedAlert({ ...alert, labels }, telling));
    }
    if (posted.length > 0) for (const client of this.#clients.values()) client.send(posted);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const client of this.#clients.values()) this.#ending.add(client.stop());
    await Promise.all([this.#refreshing, ...this.#ending]);
  }

  async #readAgain(discovery: FileDiscovery): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    try {
      for (;;) {
        await clock.sleep(discovery.refreshIntervalMs, signal);
        if (discovery.refresh()) this.#follow();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #askAgain(discovery: HttpDiscovery): Promise<void> {
    const { clock, onProblem } = this.#options;
    const { signal } = this.#stop;
    let problem = "";
    while (!signal.aborted) {
      try {
        if (await discovery.refresh(signal)) this.#follow();
        problem = "";
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof OperatingError)) throw error;
        // Said once, not with each try.
        if (error.message !== problem)
          onProblem(error, `looking for Alertmanagers at ${discovery.url}`);
        problem = error.message;
      }
      await clock.sleep(discovery.refreshIntervalMs, signal).catch(() => {}); // Ends the loop.
    }
  }

  /** Makes the clients fit what was discovered. */
  #follow(): void {
    const { clock, http, userAgent, onAnswered, onProblem } = this.#options;
    const { tls, followRedirects, timeoutMs, staticConfigs } = this.#config;
    const found = [...this.#files, ...this.#endpoints].flatMap(({ groups }) => groups);
    const groups = [...staticConfigs, ...found];
    const targets = alertmanagerTargets(groups, this.#config);
    this.#dropped = targets.filter(({ dropped }) => dropped).map(({ url }) => url);
    const active = new Set(targets.filter(({ dropped }) => !dropped).map(({ url }) => url));
    for (const [url, client] of this.#clients) {
      if (active.has(url)) continue;
      this.#clients.delete(url);
      const ending = client.stop().finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
    const headers = { ...requestHeaders(this.#config), "User-Agent": userAgent };
    for (const url of active) {
      if (this.#clients.has(url)) continue;
      const options = {
        ...{ clock, http, url, headers, tls, followRedirects, timeoutMs },
        ...{ onAnswered, onProblem },
      };
      const client = new AlertmanagerClient(options, this.#counts.get(url));
      this.#counts.set(url, client.counts);
      this.#clients.set(url, client);
    }
  }
}
