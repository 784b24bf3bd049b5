import { formatLabels, type Labels, labelsFrom, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { createEngine } from "@pharos/promql/engine";
import { MemoryDocumentStore, SimClock, SimDisk } from "@pharos/testing";
import { type EmbeddedStore, openStore } from "@pharos/tsdb";
import type { PostedAlert } from "../src/alert-sender/alert-json.ts";
import { AlertSender } from "../src/alert-sender/alert-sender.ts";
import { loadRuleFile } from "../src/config/rule-file.ts";
import { alerts } from "../src/http/rule-routes.ts";
import { slotBefore } from "../src/rules/rule-group-runner.ts";
import { RuleManager } from "../src/rules/rule-manager.ts";

/** Samples come so often, */
export const SAMPLE_MS = 15_000;
/** the first of them at this time. */
export const START_MS = Date.UTC(2026, 0, 1);

/** An alert as an Alertmanager got it, and when. */
export interface ReceivedAlert extends PostedAlert {
  readonly atMs: number;
}

/** An alert as `/api/v1/alerts` shows it. */
export interface ShownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
  readonly activeAt: string;
  readonly value: string;
}

/**
 * What makes alerts, from samples to the requests that an Alertmanager gets: rules as in a file, evaluated on the embedded
 * store, and sent on; on a simulated clock.
 */
export class AlertGenerator implements AsyncDisposable {
  readonly clock: SimClock;
  readonly received: ReceivedAlert[] = [];
  readonly problems: string[] = [];
  readonly rules: RuleManager;
  readonly #store: EmbeddedStore;
  readonly #sender: AlertSender;
  readonly #evaluate: (
    expr: string,
    timeMs: number,
  ) => Promise<readonly (readonly [Labels, number])[]>;

  private constructor(
    clock: SimClock,
    store: EmbeddedStore,
    sender: AlertSender,
    rules: RuleManager,
    evaluate: (expr: string, timeMs: number) => Promise<readonly (readonly [Labels, number])[]>,
  ) {
    this.clock = clock;
    this.#store = store;
    this.#sender = sender;
    this.rules = rules;
    this.#evaluate = evaluate;
  }

  static async start(ruleFile: string): Promise<AlertGenerator> {
    const clock = new SimClock(START_MS);
    const kernels = await Kernels.load();
    const store = await openStore({
      ...{ disk: new SimDisk(seededRng(1)), clock, kernels },
      table: new SeriesTable(kernels, { seed: 1 }),
      retentionMs: Number.POSITIVE_INFINITY,
    });
    const engine = createEngine({ clock, kernels });
    const onProblem = (error: Error, doing: string): void => {
      generator.problems.push(`${doing}: ${error.message}`);
    };
    const sender = new AlertSender({
      ...{ clock, files: { list: () => [], read: () => new Uint8Array(0) }, userAgent: "test" },
      onProblem,
      http: {
        async request({ body }) {
          for (const alert of JSON.parse(String(body)) as PostedAlert[])
            generator.received.push({ ...alert, atMs: clock.nowMs() });
          return { status: 200, headers: {}, body: new Uint8Array(0) };
        },
      },
    });
    await sender.apply({ alertRelabelRules: [], alertmanagers: [ALERTMANAGER] });
    const rules = await RuleManager.open({
      clock,
      store: new MemoryDocumentStore(),
      evaluate: (expr, timeMs, signal) => engine.instant(store, expr, timeMs, { signal }),
      append: async (batch) => store.append(batch),
      notify: async (told, telling) => sender.send(told, telling),
      externalLabels: () => [],
      externalUrl: "http://pharos.test",
      onProblem,
    });
    const { signal } = new AbortController();
    const generator = new AlertGenerator(clock, store, sender, rules, async (expr, timeMs) => {
      const result = await engine.instant(store, expr, timeMs, { signal });
      if (result.type !== "vector") throw new Error(`${expr} is no vector`);
      return result.labels.map((labels, at) => [labels, result.values[at] as number] as const);
    });
    const { groups } = loadRuleFile(ruleFile, "rules.yml", {
      evaluationIntervalMs: 60_000,
      ruleQueryOffsetMs: 0,
    });
    await rules.apply(groups);
    return generator;
  }

  /** Appends the next sample of each series. */
  async write(samples: readonly (readonly [Labels, number])[]): Promise<void> {
    await this.#store.append({
      labelSets: samples.map(([labels]) => labels),
      series: Uint32Array.from(samples.keys()),
      timestampsMs: new Float64Array(samples.length).fill(this.clock.nowMs()),
      values: Float64Array.from(samples, ([, value]) => value),
      stale: null,
    });
  }

  /** The active alerts of rules whose names begin so, as the API shows them. */
  shown(prefix: string): ShownAlert[] {
    const { body } = alerts({ rules: this.rules });
    const text = new TextDecoder().decode(body as Uint8Array);
    const { data } = JSON.parse(text) as { data: { alerts: ShownAlert[] } };
    return data.alerts.filter(({ labels }) => labels["alertname"]?.startsWith(prefix));
  }

  /** The series of ALERTS at a time, of alerts whose names begin so. */
  async alertSeries(prefix: string, timeMs: number): Promise<string[]> {
    const found = await this.#evaluate(`ALERTS{alertname=~"${prefix}.*"}`, timeMs);
    return found.map(([labels, value]) => `${formatLabels(labels)} ${value}`).sort();
  }

  /** When the groups of that name are evaluated: the first time at or after this one. */
  slotFrom(group: string, timeMs: number): number {
    const runs = slotBefore(
      { name: group, file: "rules.yml", intervalMs: 30_000, ...NO_RULES },
      timeMs,
    );
    return runs === timeMs ? runs : runs + 30_000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rules[Symbol.asyncDispose]();
    await this.#sender[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }
}

const NO_RULES = { limit: 0, queryOffsetMs: 0, labels: [], rules: [] };

const ALERTMANAGER = {
  basicAuth: undefined,
  authorization: undefined,
  httpHeaders: [],
  tls: undefined,
  followRedirects: true,
  scheme: "http" as const,
  pathPrefix: "",
  timeoutMs: 10_000,
  relabelRules: [],
  alertRelabelRules: [],
  staticConfigs: [
    { targets: [labelsFrom({ __address__: "alertmanager:9093" })], labels: [], source: "0" },
  ],
  fileSdConfigs: [],
  httpSdConfigs: [],
};
