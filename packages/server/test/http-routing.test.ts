import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { routingSchema } from "@pharos/api";
import { loadNotificationConfig } from "../src/config/alertmanager/load-notification-config.ts";
import { HttpWorld } from "./http-world.ts";

const CONFIG = `
route:
  receiver: team
  group_by: [alertname]
  routes:
    - matchers: ['severity="critical"', 'team=~"a|b"']
      receiver: pagers
      group_by: ['...']
      continue: true
      repeat_interval: 15m
      mute_time_intervals: [always]
    - receiver: team
      matchers: [a=b]
      active_time_intervals: [never]
receivers:
  - name: team
    webhook_configs: [{ url: 'http://hook.test/secret' }]
  - name: pagers
    webhook_configs: [{ url: 'http://hook.test/1', send_resolved: false }, { url: 'http://hook.test/2' }]
time_intervals:
  - name: always
    time_intervals: [{ years: ['1970:2999'] }]
  - name: never
    time_intervals: [{ years: ['1970'] }]
`;

const NO_FILES = { readFile: () => "", glob: () => [] };

async function routing(world: HttpWorld) {
  world.notificationConfig = loadNotificationConfig(CONFIG, "alertmanager.yml", NO_FILES).config;
  const response = await world.get("/api/v1/routing");
  const { data } = (await response.json()) as { data: unknown };
  return { text: JSON.stringify(data), data: routingSchema.parse(data) };
}

test("the tree of routes is told as it is configured, with what each node has from above", async () => {
  const { data, text } = await routing(new HttpWorld());
  const [critical, other] = data.route.routes;
  deepEqual(
    [data.route.matchers, data.route.groupBy, data.route.repeatInterval],
    [[], ["alertname"], "4h"],
  );
  deepEqual(critical?.matchers, ['severity="critical"', 'team=~"a|b"']);
  deepEqual(critical?.groupBy, ["..."]);
  deepEqual([critical?.continue, critical?.repeatInterval], [true, "15m"]);
  deepEqual([critical?.muteTimeIntervals, other?.activeTimeIntervals], [["always"], ["never"]]);
  deepEqual(data.timeIntervals, [
    { name: "always", active: true },
    { name: "never", active: false },
  ]);
  deepEqual(text.includes("hook.test"), false);
});

test("receivers are told with their integrations, and with what is wrong with those", async () => {
  const world = new HttpWorld();
  world.integrations.set("pagers/webhook[1]", { circuit: "open", waiting: 3, sending: 0 });
  const { data } = await routing(world);
  const pagers = data.receivers.find(({ name }) => name === "pagers");
  deepEqual(pagers?.integrations, [
    {
      ...{ integration: "pagers/webhook[0]", kind: "webhook", sendResolved: false },
      ...{ circuit: "closed", waiting: 0, sending: 0 },
    },
    {
      ...{ integration: "pagers/webhook[1]", kind: "webhook", sendResolved: true },
      ...{ circuit: "open", waiting: 3, sending: 0 },
    },
  ]);
});
