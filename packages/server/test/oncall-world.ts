import { OperatingError, seededRng } from "@pharos/base";
import {
  Dispatcher,
  IncidentBook,
  IncidentFollower,
  type OutgoingNotification,
  SilenceBook,
} from "@pharos/notify";
import { AlertmanagerCounts } from "../src/alerting/alertmanager-metrics.ts";
import { OnCall } from "../src/alerting/oncall.ts";
import { loadNotificationConfig } from "../src/config/alertmanager/load-notification-config.ts";
import { loadOnCallConfig } from "../src/config/oncall/load-oncall-config.ts";
import type { HttpWorld } from "./http-world.ts";

const ALERTMANAGER = `
route:
  receiver: team
  group_by: [alertname]
  group_wait: 30s
  routes:
    - matchers: [team="night"]
      receiver: team
      mute_time_intervals: [always]
receivers:
  - {name: team, webhook_configs: [{url: "http://hook.test/"}]}
time_intervals:
  - {name: always, time_intervals: [{}]}
`;

const ONCALL = `
contacts:
  - {name: ada, webhook_configs: [{url: "http://ada.test/"}]}
  - {name: bob, webhook_configs: [{url: "http://bob.test/"}]}
schedules:
  - name: primary
    time_zone: Europe/Berlin
    layers: [{name: weekly, participants: [ada, bob], starts: 2020-01-06T09:00}]
policies:
  - name: critical
    priorities: [P1]
    steps:
      - notify: [schedule: primary]
      - {after: 10m, notify: [contact: bob]}
dead_mans_switch:
  expect: [{name: backup, within: 1h}]
`;

/** Who is on call, with all that belongs to it, in a world of HTTP. */
export interface OnCallWorld extends AsyncDisposable {
  readonly oncall: OnCall;
  readonly dispatcher: Dispatcher;
  readonly silences: SilenceBook;
  readonly told: { readonly receiver: string; readonly outgoing: OutgoingNotification }[];
}

/** Adds it to a world, with these files. */
export async function addOnCall(world: HttpWorld, text = ONCALL): Promise<OnCallWorld> {
  const { clock, documents: store } = world;
  const noFiles = {
    glob: () => [],
    readFile: (path: string): string => {
      throw new OperatingError("not_found", path);
    },
  };
  const { config, global } = loadNotificationConfig(ALERTMANAGER, "alertmanager.yml", noFiles);
  const surroundings = { notifications: config, global };
  const oncallConfig = loadOnCallConfig(text, "oncall.yml", surroundings, noFiles).config;
  const told: OnCallWorld["told"] = [];
  const onProblem = (error: OperatingError, doing: string): void => {
    world.bugs.push(`${doing}: ${error.message}`);
  };
  let ids = 0;
  const newId = (): string => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`;
  const silences = await SilenceBook.open({ store, clock, newId, onProblem });
  const book = await IncidentBook.open({
    ...{ store, clock, onProblem },
    currentAlerts: (groupId) => dispatcher.alertsOf(groupId),
  });
  const dispatcher = await Dispatcher.open({
    config: { ...config, receivers: [...config.receivers, ...oncallConfig.receivers] },
    ...{ store, clock, rng: seededRng(1), onProblem },
    observer: new IncidentFollower(book),
    silencedBy: (labels, nowMs) => silences.silencedBy(labels, nowMs),
    createReceiver: (_, receiver) => ({
      async send(outgoing) {
        told.push({ receiver, outgoing });
        return {};
      },
    }),
  });
  const oncall = await OnCall.open({
    ...{ documents: store, clock, config: oncallConfig, book, dispatcher, silences, onProblem },
    newId,
    contextOf: ({ id, status }, paged) => ({
      incident: {
        id,
        status,
        url: `http://p.test/${id}`,
        acknowledgeUrl: `http://p.test/${paged}`,
      },
    }),
  });
  world.oncall = oncall;
  world.alertmanager = {
    ...{ dispatcher, silences, counts: new AlertmanagerCounts(), cluster: () => undefined },
    configText: () => ALERTMANAGER,
  };
  return {
    ...{ oncall, dispatcher, silences, told },
    async [Symbol.asyncDispose]() {
      await oncall[Symbol.asyncDispose]();
      await dispatcher[Symbol.asyncDispose]();
      await silences[Symbol.asyncDispose]();
      await book[Symbol.asyncDispose]();
    },
  };
}
