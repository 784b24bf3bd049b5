import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom } from "@pharos/base";
import { buildRoute } from "../../src/routing/build-route.ts";
import { channelReceiver, withChannelRoutes } from "../../src/routing/channel-routes.ts";
import { matchRoutes } from "../../src/routing/match-routes.ts";

const RECEIVERS = new Set(["default", "team-a", "email", "slack:#alerts"]);
const ROOT = buildRoute({
  receiver: "default",
  groupBy: ["alertname"],
  groupWaitMs: 7000,
  routes: [{ receiver: "email", matchers: [{ type: "=", name: "severity", value: "page" }] }],
});

/** Who is told of an alert with these channels. */
function told(channels: string, named: readonly string[], severity = ""): string[] {
  const root = withChannelRoutes(ROOT, named, RECEIVERS);
  const labels = labelsFrom({ alertname: "A", severity, channels });
  return matchRoutes(root, labels).map(({ receiver }) => receiver);
}

test("a channel names the receiver of its name, or of what stands behind its kind", () => {
  equal(channelReceiver("email", RECEIVERS), "email");
  equal(channelReceiver("pagerduty:team-a", RECEIVERS), "team-a");
  equal(channelReceiver("slack:#alerts", RECEIVERS), "slack:#alerts");
  equal(channelReceiver("pagerduty:nobody", RECEIVERS), undefined);
});

test("alerts go to all receivers that their channels name, and to nobody else", () => {
  const named = ["email", "pagerduty:team-a", "slack:#alerts", "nobody"];
  deepEqual(told("email", named), ["email"]);
  deepEqual(told("slack:#alerts,pagerduty:team-a", named, "page"), ["team-a", "slack:#alerts"]);
});

test("alerts without a channel that names a receiver go the usual way", () => {
  const named = ["pagerduty:team-a", "nobody"];
  deepEqual(told("", named), ["default"]);
  deepEqual(told("nobody", named, "page"), ["email"]);
  deepEqual(told("email", named), ["default"]);
  deepEqual(told("pagerduty:team-a-b", named), ["default"]);
});

test("where no channel names a receiver, the tree is the same", () => {
  equal(withChannelRoutes(ROOT, ["nobody"], RECEIVERS), ROOT);
});

test("receivers of channels have the times and groups of the top, and keys of their own", () => {
  const root = withChannelRoutes(ROOT, ["email", "a.b", "pagerduty:team-a"], RECEIVERS, 900_000);
  const [node] = root.routes;
  deepEqual(
    node?.routes.map((route) => [route.receiver, route.groupBy, route.groupWaitMs]),
    [
      ["email", ["alertname"], 7000],
      ["team-a", ["alertname"], 7000],
    ],
  );
  deepEqual(
    [root, ...(node?.routes ?? [])].map((route) => route.repeatIntervalMs / 60_000),
    [240, 15, 15],
  );
  const ids = [root, ...root.routes, ...(node?.routes ?? [])].map(({ id }) => id);
  equal(new Set(ids).size, ids.length);
});
