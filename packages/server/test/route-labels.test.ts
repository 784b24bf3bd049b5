import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { buildRoute } from "@pharos/alert";
import { labelsFrom } from "@pharos/base";
import { SimClock, SimNetwork } from "@pharos/testing";
import { Receivers } from "../src/alerting/receivers.ts";

const OWNER = { name: "t", text: '{{ define "owner" }}{{ .CommonLabels.team }}{{ end }}' };

const alerts = ["a", "b"].map((host) => ({
  labels: labelsFrom(Object.entries({ alertname: "Down", host, team: "core" })),
  annotations: [],
  startsAtMs: 1000,
  endsAtMs: null,
  generatorUrl: "",
}));

function expanded(labels: Readonly<Record<string, string>>): Record<string, string> {
  const clock = new SimClock();
  const http = new SimNetwork(clock);
  const receivers = new Receivers({ clock, http, externalUrl: "http://p", userAgent: "Pharos" });
  receivers.setTemplates([OWNER]);
  const route = buildRoute({ receiver: "team", labels: Object.entries(labels) });
  const group = { route, key: '{}:{host="a"}', labels: labelsFrom([["host", "a"]]) };
  return Object.fromEntries(receivers.routeLabels(group, alerts));
}

test("a route's labels are templates over what its group has in common", () => {
  deepEqual(
    expanded({
      owner: '{{ template "owner" . }}',
      where: "{{ .GroupLabels.host }} of {{ .Receiver }}",
      count: "{{ len .Alerts.Firing }}",
      plain: "as it is",
    }),
    { owner: "core", where: "a of team", count: "2", plain: "as it is" },
  );
});

test("a route's label whose template fails stands there as it is written, the others are expanded", () => {
  deepEqual(expanded({ bad: '{{ template "missing" . }}', good: "{{ .Status }}" }), {
    bad: '{{ template "missing" . }}',
    good: "firing",
  });
});
