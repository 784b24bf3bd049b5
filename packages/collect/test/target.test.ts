import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, type Labels, labelsFrom, Secret } from "@pharos/base";
import { createRelabelRule } from "../src/relabel.ts";
import {
  type ScrapeJob,
  scrapeJobDefaults,
  scrapeSettingsKey,
  type TargetGroup,
} from "../src/scrape-job.ts";
import { resolveTargets, scrapeOffsetMs } from "../src/target.ts";

function job(changes: Partial<ScrapeJob> = {}): ScrapeJob {
  return { ...scrapeJobDefaults("api"), ...changes };
}

function group(targets: readonly (string | Labels)[], labels: Labels = []): TargetGroup {
  return {
    source: "0",
    labels,
    targets: targets.map((target) =>
      typeof target === "string" ? labelsFrom([["__address__", target]]) : target,
    ),
  };
}

/** One line a target: its URL and labels; or why it is not scraped. */
function resolve(job: ScrapeJob, ...groups: TargetGroup[]): readonly string[] {
  const { active, dropped } = resolveTargets(job, groups);
  return [
    ...active.map(({ url, labels }) => `${url} ${formatLabels(labels)}`),
    ...dropped.map(({ error }) => error ?? "dropped"),
  ];
}

test("a target gets the job's labels, its group's, and the address as its instance", () => {
  deepEqual(resolve(job(), group(["a:9100", "b:9100"], labelsFrom({ env: "prod" }))), [
    'http://a:9100/metrics {env="prod", instance="a:9100", job="api"}',
    'http://b:9100/metrics {env="prod", instance="b:9100", job="api"}',
  ]);
});

test("a target's own labels win over its group's, and both over the job's", () => {
  const own = labelsFrom({ __address__: "a", env: "test", instance: "me" });
  deepEqual(resolve(job(), group([own], labelsFrom({ env: "prod", job: "other" }))), [
    'http://a/metrics {env="test", instance="me", job="other"}',
  ]);
});

test("scheme, path and parameters come from the job, and special labels change them", () => {
  const params = { module: ["http", "icmp"], target: ["x y&z"] };
  const special = labelsFrom({
    __address__: "a:1",
    __scheme__: "http",
    __metrics_path__: "probe?x",
    __param_extra: "1",
  });
  deepEqual(resolve(job({ scheme: "https", metricsPath: "/m", params }), group(["a:1", special])), [
    'https://a:1/m?module=http&module=icmp&target=x+y%26z {instance="a:1", job="api"}',
    'http://a:1/probe%3Fx?extra=1&module=http&module=icmp&target=x+y%26z {instance="a:1", job="api"}',
  ]);
});

test("relabelling sees every discovered label, and what starts with __ does not stay", () => {
  const relabelRules = [
    { sourceLabels: ["__meta_host"], targetLabel: "host" },
    { sourceLabels: ["__address__"], targetLabel: "__param_target" },
    { targetLabel: "__address__", replacement: "prober:9115" },
    { sourceLabels: ["__scrape_interval__", "__scrape_timeout__"], targetLabel: "every" },
    { sourceLabels: ["__scheme__", "__metrics_path__"], separator: "", targetLabel: "__tmp_x" },
    { sourceLabels: ["__tmp_x"], targetLabel: "x" },
    { sourceLabels: ["__param_target"], targetLabel: "instance" },
  ].map(createRelabelRule);
  deepEqual(
    resolve(job({ relabelRules }), group(["web.example"], labelsFrom({ __meta_host: "h1" }))),
    [
      'http://prober:9115/metrics?target=web.example {every="1m;10s", host="h1", instance="web.example", job="api", x="http/metrics"}',
    ],
  );
});

test("a target may have an interval and a timeout of its own", () => {
  const own = labelsFrom({ __address__: "a", __scrape_interval__: "5s", __scrape_timeout__: "2s" });
  const [target] = resolveTargets(job(), [group([own])]).active;
  equal(target?.scrapeIntervalMs, 5000);
  equal(target?.scrapeTimeoutMs, 2000);
});

test("dropped targets keep the labels they were discovered with", () => {
  const relabelRules = [
    createRelabelRule({ sourceLabels: ["__address__"], regex: "b.*", action: "drop" }),
  ];
  const { active, dropped } = resolveTargets(job({ relabelRules }), [group(["a:1", "b:1"])]);
  equal(active.length, 1);
  equal(
    formatLabels(dropped[0]?.discoveredLabels ?? []),
    '{__address__="b:1", __metrics_path__="/metrics", __scheme__="http", __scrape_interval__="1m", __scrape_timeout__="10s", job="api"}',
  );
});

test("a target that cannot be scraped says why, and the others go on", () => {
  const special = (labels: Record<string, string>): Labels =>
    labelsFrom({ __address__: "a", ...labels });
  deepEqual(
    resolve(
      job(),
      group([
        "ok:1",
        [],
        "http://a:1",
        "a b",
        special({ __scheme__: "ftp" }),
        special({ __scrape_interval__: "soon" }),
        special({ __scrape_interval__: "0s" }),
        special({ __scrape_timeout__: "0" }),
        special({ __scrape_timeout__: "2m" }),
        special({ x: "\ud800" }),
      ]),
    ),
    [
      'http://ok:1/metrics {instance="ok:1", job="api"}',
      "no address",
      '"http://a:1" is not a valid hostname',
      '"a b" is not a valid address',
      'invalid scheme: "ftp"',
      'error parsing scrape interval: not a duration such as "15s", "5m", "1h30m", "7d": "soon"',
      "scrape interval cannot be 0",
      "scrape timeout cannot be 0",
      "scrape timeout cannot be greater than scrape interval (2m > 1m)",
      'invalid label value for "x": not UTF-8',
    ],
  );
});

test("the same endpoint with the same labels is one target", () => {
  equal(resolveTargets(job(), [group(["a:1", "a:1"]), group(["a:1"])]).active.length, 1);
});

test("offsets spread targets evenly over the interval, and stay as they are", () => {
  const addresses = Array.from({ length: 1000 }, (_, i) => `host-${i}:9100`);
  const { active } = resolveTargets(job(), [group(addresses)]);
  const tenths = new Array<number>(10).fill(0);
  for (const target of active) {
    const offsetMs = scrapeOffsetMs(target, "seed");
    ok(offsetMs >= 0 && offsetMs < target.scrapeIntervalMs);
    equal(offsetMs, scrapeOffsetMs(target, "seed"));
    tenths[Math.floor((offsetMs / target.scrapeIntervalMs) * 10)]! += 1;
  }
  for (const count of tenths) ok(count > 60 && count < 140, String(tenths));
  const [first] = active;
  ok(first !== undefined && scrapeOffsetMs(first, "seed") !== scrapeOffsetMs(first, "other"));
});

test("jobs scrape alike if all but their targets is the same, secrets and rules included", () => {
  const rule = (regex: string): ScrapeJob =>
    job({
      metricRelabelRules: [createRelabelRule({ sourceLabels: ["a"], regex, action: "drop" })],
    });
  const auth = (text: string): ScrapeJob =>
    job({ basicAuth: { username: "u", password: new Secret(text) } });
  const key = scrapeSettingsKey;
  equal(key(job()), key(job({ staticConfigs: [group(["a"])] })));
  equal(key(rule("x.*")), key(rule("x.*")));
  ok(key(rule("x.*")) !== key(rule("y.*")));
  equal(key(auth("p")), key(auth("p")));
  ok(key(auth("p")) !== key(auth("q")));
  ok(key(job()) !== key(job({ honorLabels: true })));
});
