import { randomInt } from "node:crypto";
import { systemClock } from "@pharos/adapters/node";
import { errorText, type Labels, type OperatingError, seededRng } from "@pharos/base";
import { Dispatcher, WebhookReceiver } from "@pharos/notify";
import type { DocumentStore, HttpClient } from "@pharos/ports";
import { readMetrics } from "@pharos/promql/engine";
import { AlertSender } from "../alert-sender/alert-sender.ts";
import { BUILD_INFO } from "../build-info.ts";
import type { LoadedFiles } from "../load-files.ts";
import type { Logger } from "../log.ts";
import type { QueryParts } from "../queries/query-parts.ts";
import { RuleManager, type RuleManagerOptions } from "../rules/rule-manager.ts";
import { targetFiles } from "../target-files.ts";
import type { QueryPool } from "../threads/query-pool.ts";
import type { StoreThread } from "../threads/store-thread.ts";

const USER_AGENT = `Pharos/${BUILD_INFO.version}`;
/** Seeds are 32 bits. */
const SEEDS = 2 ** 32;

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
  readonly rules: Pick<
    RuleManagerOptions,
    "rulesConcurrentMax" | "resendDelayMs" | "outage" | "replicaName"
  >;
}

/** Everything from rules to receivers: opened, connected, reloaded and closed here. */
export class Alerting implements AsyncDisposable {
  readonly dispatcher: Dispatcher;
  readonly rules: RuleManager;
  /** To Alertmanagers elsewhere. */
  readonly sender: AlertSender;
  readonly #closers: AsyncDisposableStack;

  private constructor(
    dispatcher: Dispatcher,
    rules: RuleManager,
    sender: AlertSender,
    closers: AsyncDisposableStack,
  ) {
    this.dispatcher = dispatcher;
    this.rules = rules;
    this.sender = sender;
    this.#closers = closers;
  }

  /**
   * Takes up what the last process left. No rule is evaluated before `apply`.
   *
   * @throws OperatingError of the document store.
   */
  static async open(options: AlertingOptions): Promise<Alerting> {
    await using closers = new AsyncDisposableStack();
    const { documents, http, externalUrl, log } = options;
    const onProblem = (error: OperatingError, doing: string): void =>
      log.warn({ code: error.code, error: errorText(error) }, doing);
    const dispatcher = await Dispatcher.open({
      config: options.files.notifications,
      store: documents,
      clock: systemClock,
      rng: seededRng(randomInt(SEEDS)),
      createReceiver: (config) =>
        new WebhookReceiver(config, { http, externalUrl, userAgent: USER_AGENT }),
      onProblem,
    });
    closers.use(dispatcher);
    const clock = systemClock;
    const files = targetFiles();
    const sender = new AlertSender({ clock, http, files, userAgent: USER_AGENT, onProblem });
    closers.use(sender);
    const rules = await openRules(options, dispatcher, sender, onProblem);
    closers.use(rules);
    return new Alerting(dispatcher, rules, sender, closers.move());
  }

  /** Takes what the files say now: who is told first, so that no alert goes to those of before. */
  async apply({ config, notifications, groups }: LoadedFiles): Promise<void> {
    await this.dispatcher.apply(notifications);
    await this.sender.apply(config.alerting);
    await this.rules.apply(groups);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers.disposeAsync();
  }
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
