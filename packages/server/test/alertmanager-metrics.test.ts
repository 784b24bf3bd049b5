import { deepEqual, match } from "node:assert/strict";
import { test } from "node:test";
import { addAlertmanagerMetrics } from "../src/alerting/alertmanager-metrics.ts";
import { OwnMetrics } from "../src/own-metrics.ts";
import { AlertmanagerWorld } from "./alertmanager-world.ts";

const CONFIG = `
route: {receiver: a, group_wait: 1s}
receivers: [{name: a, webhook_configs: [{url: "http://a.test"}, {url: "http://b.test"}]}, {name: b}]
inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning]}]
`;

/** The lines of `/metrics` that begin so, without their help. */
async function linesOf(world: AlertmanagerWorld, name: string): Promise<readonly string[]> {
  const metrics = new OwnMetrics();
  const { clock } = world.http;
  addAlertmanagerMetrics(metrics, {
    ...{ clock, dispatcher: world.dispatcher, silences: world.silences, counts: world.counts },
    reloaded: () => ({ ok: true, atMs: 1000 }),
  });
  const text = await metrics.text();
  return text.split("\n").filter((line) => line.startsWith(name));
}

test("Karma learns by the metrics that it talks to an Alertmanager that it knows", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const [line = ""] = await linesOf(world, "alertmanager_build_info");
  match(line, /version="0\.\d+\.\d+"/);
});

test("the last reload is told under the names that alerts of Alertmanager's mixin watch", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  deepEqual(await linesOf(world, "alertmanager_config_last_reload"), [
    "alertmanager_config_last_reload_successful 1",
    "alertmanager_config_last_reload_success_timestamp_seconds 1",
  ]);
});

test("alerts and silences are counted under Alertmanager's names", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  await world.fire(
    { alertname: "A", severity: "critical" },
    { alertname: "B", severity: "warning" },
  );
  await world.fire({ alertname: "C" });
  const gone = { labels: { alertname: "D" }, endsAt: "2020-01-01T00:00:00Z" };
  await world.call("POST", "/alerts", [gone, { labels: {} }]);
  await world.silence([{ name: "alertname", value: "C", isRegex: false }]);
  deepEqual(await linesOf(world, "alertmanager_alerts{"), [
    'alertmanager_alerts{state="active"} 1',
    'alertmanager_alerts{state="suppressed"} 2',
    'alertmanager_alerts{state="unprocessed"} 0',
  ]);
  deepEqual(await linesOf(world, "alertmanager_silences{"), [
    'alertmanager_silences{state="active"} 1',
    'alertmanager_silences{state="expired"} 0',
    'alertmanager_silences{state="pending"} 0',
  ]);
  deepEqual(await linesOf(world, "alertmanager_alerts_"), [
    'alertmanager_alerts_received_total{status="firing",version="v2"} 4',
    'alertmanager_alerts_received_total{status="resolved",version="v2"} 1',
    'alertmanager_alerts_invalid_total{version="v2"} 1',
  ]);
  deepEqual(await linesOf(world, "alertmanager_integrations "), ["alertmanager_integrations 2"]);
});
