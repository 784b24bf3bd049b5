import { equal } from "node:assert/strict";
import { test } from "node:test";
import type { GroupAlert } from "@pharos/alert";
import { labelsFrom } from "@pharos/base";
import { silenceLink } from "../src/alerting/silence-link.ts";

function alert(labels: Record<string, string>, endsAtMs: number | null = null): GroupAlert {
  return { labels: labelsFrom(labels), annotations: [], startsAtMs: 0, endsAtMs, generatorUrl: "" };
}

test("a silence is offered for the labels that all firing alerts have", () => {
  const link = silenceLink("http://pharos:9090", [
    alert({ alertname: "Down", path: 'C:\\"a, b"', host: "a" }),
    alert({ alertname: "Down", path: 'C:\\"a, b"', host: "b" }),
    alert({ alertname: "Other" }, 1000),
  ]);
  const url = new URL(link ?? "");
  equal(url.origin + url.pathname, "http://pharos:9090/silences/new");
  equal(url.searchParams.get("matchers"), 'alertname="Down",path="C:\\\\\\"a, b\\""');
});

test("no silence is offered for what is over, what has nothing in common, and what is too long", () => {
  equal(silenceLink("", [alert({ alertname: "Down" }, 1000)]), undefined);
  equal(silenceLink("", [alert({ alertname: "A" }), alert({ alertname: "B" })]), undefined);
  equal(silenceLink("", [alert({ alertname: "A", text: "x".repeat(2000) })]), undefined);
});
