import { buildRoute, type GroupAlert, type RouteParts } from "@pharos/alert";
import {
  type Labels,
  labelsFrom,
  labelValue,
  OperatingError,
  Secret,
  seededRng,
} from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { SimClock } from "@pharos/testing";
import {
  Dispatcher,
  type DispatcherOptions,
  type NotificationConfig,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
  type WebhookConfig,
} from "../src/index.ts";

export const START_MS = 1_700_000_000_000;

/** `30s`, `4m30s`, `1h` in ms. */
export function ms(text: string): number {
  const [, hours = "0", minutes = "0", seconds = "0"] =
    /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
}

export function time(atMs: number): string {
  let seconds = Math.round((atMs - START_MS) / 1000);
  const hours = Math.floor(seconds / 3600);
  seconds -= hours * 3600;
  const minutes = Math.floor(seconds / 60);
  seconds -= minutes * 60;
  const text = `${hours > 0 ? `${hours}h` : ""}${minutes > 0 ? `${minutes}m` : ""}${seconds > 0 ? `${seconds}s` : ""}`;
  return text === "" ? "0s" : text;
}

export function webhook(change: Partial<WebhookConfig> = {}): WebhookConfig {
  return {
    kind: "webhook",
    index: 0,
    url: new Secret("http://hook.test/"),
    sendResolved: true,
    alertsMax: 0,
    payload: undefined,
    timeoutMs: 10_000,
    http: { followRedirects: true },
    ...change,
  };
}

export function config(
  change: RouteParts = {},
  webhookConfigs: readonly WebhookConfig[] = [webhook()],
): NotificationConfig {
  return {
    resolveTimeoutMs: 300_000,
    route: buildRoute({
      receiver: "team",
      groupBy: ["alertname"],
      groupWaitMs: 30_000,
      groupIntervalMs: 300_000,
      repeatIntervalMs: 4 * 3_600_000,
      ...change,
    }),
    receivers: [
      {
        name: "team",
        labels: [],
        integrations: webhookConfigs.map((webhook, index) => ({ ...webhook, index })),
      },
    ],
    timeIntervals: new Map(),
    inhibitRules: [],
    templates: [],
  };
}

/** `Down/a` is the alert Down of the instance a. */
export function labelsOf(name: string): Labels {
  const [alertname = "", instance = ""] = name.split("/");
  return labelsFrom({ alertname, instance });
}

export function nameOf(labels: Labels): string {
  return `${labelValue(labels, "alertname")}/${labelValue(labels, "instance")}`;
}

/** One that fires, unless it has an end. */
export function alertOf(
  name: string,
  startsAtMs: number,
  endsAtMs: number | null = null,
): GroupAlert {
  return { labels: labelsOf(name), annotations: [], startsAtMs, endsAtMs, generatorUrl: "" };
}

/** What a notification says: `+` firing, `-` resolved. */
export function said({ notification }: OutgoingNotification): string {
  return notification.alerts
    .map((alert) => (alert.endsAtMs === null ? "+" : "-") + nameOf(alert.labels))
    .join(" ");
}

/** Makes dispatchers over one store and hears all that goes wrong. */
export class Scenario {
  readonly clock = new SimClock(START_MS);
  readonly problems: OperatingError[] = [];
  readonly sent: string[] = [];
  /** What the receiver does; by default it accepts. */
  answer: (...sent: Parameters<Receiver["send"]>) => Promise<void> = async () => {};
  /** What it answers where it accepts. */
  receipt: Receipt = {};

  async open(
    store: DocumentStore,
    notificationConfig: NotificationConfig = config(),
    change: Partial<DispatcherOptions> = {},
  ): Promise<Dispatcher> {
    const receiver: Receiver = {
      send: async (outgoing, signal) => {
        await this.answer(outgoing, signal);
        this.sent.push(
          `${time(this.clock.nowMs())} ${outgoing.notification.reason}: ${said(outgoing)}`,
        );
        return this.receipt;
      },
    };
    return Dispatcher.open({
      config: notificationConfig,
      store,
      clock: this.clock,
      rng: seededRng(1),
      createReceiver: () => receiver,
      onProblem: (error) => this.problems.push(error),
      ...change,
    });
  }

  /** An alert that began now, or that began then and ends now. */
  alert(name: string, state: "fires" | "resolves", startsAtMs = this.clock.nowMs()): GroupAlert {
    return alertOf(name, startsAtMs, state === "fires" ? null : this.clock.nowMs());
  }

  async fire(dispatcher: Dispatcher, ...names: string[]): Promise<void> {
    await dispatcher.update(names.map((name) => this.alert(name, "fires")));
  }

  async resolve(dispatcher: Dispatcher, ...names: string[]): Promise<void> {
    await dispatcher.update(names.map((name) => this.alert(name, "resolves")));
  }
}

export function unavailable(): OperatingError {
  return new OperatingError("notify.unavailable", "status 503");
}

export function rejected(): OperatingError {
  return new OperatingError("notify.rejected", "status 400");
}
