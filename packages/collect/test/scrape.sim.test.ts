import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, labelsFrom, OperatingError, Secret } from "@pharos/base";
import { ExpositionDecoder, Kernels } from "@pharos/kernels";
import { type SimAnswer, SimClock, SimNetwork } from "@pharos/testing";
import fc from "fast-check";
import { createRelabelRule } from "../src/relabel.ts";
import { type ScrapeJob, scrapeJobDefaults, type TargetGroup } from "../src/scrape-job.ts";
import { ScrapeCounters, type ScrapeEnvironment } from "../src/scrape-loop.ts";
import { ScrapeManager } from "../src/scrape-manager.ts";
import { ScrapeReceiver } from "../src/scrape-receiver.ts";
import { MemorySink } from "./memory-sink.ts";

const kernels = await Kernels.load();
const INTERVAL_MS = 10_000;

/** A scrape manager in a world of its own, with a target at a:1 unless a test says otherwise. */
class World {
  readonly clock = new SimClock();
  readonly network = new SimNetwork(this.clock);
  readonly sink: MemorySink;
  readonly files = new Map<string, string>();
  readonly manager: ScrapeManager;

  constructor(capacity?: number) {
    this.sink = new MemorySink(kernels, capacity);
    const env: ScrapeEnvironment = {
      clock: this.clock,
      http: this.network,
      sink: new ScrapeReceiver({
        clock: this.clock,
        sink: this.sink,
        decoder: new ExpositionDecoder(kernels, this.sink.table, this.sink.columns),
      }),
      userAgent: "Pharos/test",
      offsetSeed: "",
      counters: new ScrapeCounters(),
    };
    this.manager = new ScrapeManager(env, {
      externalHost: "pharos.example",
      files: {
        list: () => [...this.files.keys()],
        read: (path) => {
          const text = this.files.get(path);
          if (text === undefined) throw new OperatingError("not_found", `${path}: no such file`);
          return new TextEncoder().encode(text);
        },
      },
    });
  }

  /** Answers at a host with these bodies, one a request; the last one again and again. */
  serve(address: string, ...answers: (string | SimAnswer)[]): void {
    let at = 0;
    this.network.host(`http://${address}`, () => {
      const answer = answers[Math.min(at++, answers.length - 1)] ?? "";
      return typeof answer === "string" ? text(answer) : answer;
    });
  }

  apply(...jobs: ScrapeJob[]): void {
    this.manager.applyJobs(jobs);
  }

  /** Lets as many intervals pass. */
  async intervals(count: number): Promise<void> {
    await this.clock.advance(count * INTERVAL_MS);
  }

  values(series: string): string {
    return this.sink.valuesOf(series);
  }

  health(): readonly string[] {
    return this.manager
      .activeTargets()
      .map(({ scrapeUrl, health, lastError }) => `${scrapeUrl} ${health} ${lastError}`.trim());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
  }
}

function text(body: string, contentType = "text/plain; version=0.0.4"): SimAnswer {
  return { kind: "answer", body, headers: { "content-type": contentType } };
}

function targets(...addresses: string[]): readonly TargetGroup[] {
  const list = addresses.map((address) => labelsFrom([["__address__", address]]));
  return [{ source: "0", labels: [], targets: list }];
}

function job(changes: Partial<ScrapeJob> = {}): ScrapeJob {
  return {
    ...scrapeJobDefaults("j"),
    scrapeIntervalMs: INTERVAL_MS,
    scrapeTimeoutMs: 5000,
    staticConfigs: targets("a:1"),
    ...changes,
  };
}

const OF_A = 'instance="a:1", job="j"';
const UP = `up{${OF_A}}`;

test("a target's samples are stored under its labels, with those about the scrape", async () => {
  await using world = new World();
  world.serve("a:1", 'm{x="1"} 5\nn 6\n');
  world.apply(job());
  await world.intervals(2);
  equal(world.values(`m{${OF_A}, x="1"}`), "5 5");
  equal(world.values(`n{${OF_A}}`), "6 6");
  equal(world.values(UP), "1 1");
  equal(world.values(`scrape_samples_scraped{${OF_A}}`), "2 2");
  equal(world.values(`scrape_samples_post_metric_relabeling{${OF_A}}`), "2 2");
  equal(world.values(`scrape_series_added{${OF_A}}`), "2 0");
  equal(world.values(`scrape_duration_seconds{${OF_A}}`), "0 0");
  deepEqual(world.health(), ["http://a:1/metrics up"]);
});

test("what is asked of a target says who asks, for how long, and what is understood", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n");
  world.serve("example.com", "m 1\n");
  world.apply(
    job({
      staticConfigs: targets("a:1", "127.0.0.1:9", "10.1.2.3", "example.com"),
      basicAuth: { username: "µser", password: new Secret("pass") },
      httpHeaders: [["X-Tenant", new Secret("t1")]],
      params: { a: ["b"] },
    }),
  );
  await world.intervals(1);
  const requests = new Map(
    world.network.requests.map(({ request }) => [new URL(request.url).host, request]),
  );
  const headers = requests.get("a:1")?.headers ?? {};
  equal(headers["User-Agent"], "Pharos/test");
  equal(headers["X-Prometheus-Scrape-Timeout-Seconds"], "5");
  equal(headers["Authorization"], "Basic wrVzZXI6cGFzcw==");
  equal(headers["X-Tenant"], "t1");
  ok(headers["Accept"]?.startsWith("application/openmetrics-text;version=1.0.0"));
  equal(requests.get("a:1")?.timeoutMs, 5000);
  equal(requests.get("a:1")?.url, "http://a:1/metrics?a=b");
  deepEqual(
    [...requests].map(([host, { headers }]) => `${host} ${headers["Accept-Encoding"]}`).sort(),
    ["10.1.2.3 identity", "127.0.0.1:9 identity", "a:1 gzip", "example.com gzip"],
  );
});

test("a failed scrape is told as up 0, and makes the series stale until the target is back", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n", { kind: "refuse" }, { kind: "refuse" }, "m 4\n");
  world.apply(job());
  await world.intervals(4);
  equal(world.values(`m{${OF_A}}`), "1 stale 4");
  equal(world.values(UP), "1 0 0 1");
  equal(world.values(`scrape_samples_scraped{${OF_A}}`), "1 0 0 1");
  equal(world.values(`scrape_series_added{${OF_A}}`), "1 0 0 0");
});

test("every way to fail is told in the target's last error", async () => {
  const failures: readonly (readonly [
    answer: SimAnswer,
    changes: Partial<ScrapeJob>,
    error: string,
  ])[] = [
    [{ kind: "refuse" }, {}, 'Get "http://a:1/metrics": connection refused'],
    [{ kind: "hang" }, {}, 'Get "http://a:1/metrics": no answer within 5000 ms'],
    [{ kind: "answer", status: 404 }, {}, "server returned HTTP status 404 Not Found"],
    [{ kind: "answer", status: 599 }, {}, "server returned HTTP status 599"],
    [
      { kind: "answer", body: "m 1\n" },
      {},
      "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target",
    ],
    [
      text("<html>", "text/html"),
      {},
      'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target',
    ],
    [
      text("m one\n"),
      {},
      "line 1, column 3: expected a value: a decimal number, NaN, +Inf or -Inf",
    ],
    [
      text("m 1\n", "application/openmetrics-text; version=1.0.0"),
      {},
      'line 2, column 1: the body does not end with "# EOF"',
    ],
    [text("m 1\nn 2\n"), { bodySizeLimit: 7 }, "body size limit exceeded (limit: 7 bytes)"],
    [text("m 1\nn 2\n"), { sampleLimit: 1 }, "sample limit exceeded (samples: 2, limit: 1)"],
    [
      text('m{a="1"} 1\n'),
      { labelLimit: 3 },
      'label_limit exceeded (metric: "m", number of labels: 4, limit: 3)',
    ],
    [
      text('m{abcdefghi="1"} 1\n'),
      { labelNameLengthLimit: 8 },
      'label_name_length_limit exceeded (metric: "m", label name: "abcdefghi", length: 9, limit: 8)',
    ],
    [
      text('m{a="12345"} 1\n'),
      { labelValueLengthLimit: 4 },
      'label_value_length_limit exceeded (metric: "m", label name: "a", value: "12345", length: 5, limit: 4)',
    ],
    [
      text("m 1\n"),
      { targetLimit: 1, staticConfigs: targets("a:1", "b:1") },
      "target_limit exceeded (number of targets: 2, limit: 1)",
    ],
    [
      text("m 1\n"),
      { metricRelabelRules: [createRelabelRule({ regex: "__name__", action: "labeldrop" })] },
      "missing metric name (__name__ label)",
    ],
  ];
  for (const [answer, changes, error] of failures) {
    await using world = new World();
    world.serve("a:1", answer);
    world.apply(job(changes));
    await world.intervals(2);
    equal(world.health()[0], `http://a:1/metrics down ${error}`);
    ok(world.values(UP).startsWith("0"), error);
    equal(world.values(`m{${OF_A}}`), "");
  }
});

test("a job can say how bodies without a known Content-Type are to be read", async () => {
  await using world = new World();
  world.serve("a:1", { kind: "answer", body: "m 1\n# EOF\n" });
  world.apply(job({ fallbackScrapeProtocol: "openmetrics" }));
  await world.intervals(1);
  equal(world.values(UP), "1");
});

test("a series that a target has no more is marked stale once, and may come again", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\nn 1\n", "m 2\n", "m 3\n", "n 4\nm 4\n");
  world.apply(job());
  await world.intervals(4);
  equal(world.values(`m{${OF_A}}`), "1 2 3 4");
  equal(world.values(`n{${OF_A}}`), "1 stale 4");
  equal(world.values(`scrape_series_added{${OF_A}}`), "2 0 0 1");
});

test("series with timestamps of their own are not marked stale, unless the job says so", async () => {
  for (const track of [false, true]) {
    await using world = new World();
    const startMs = world.clock.nowMs();
    world.serve("a:1", `m 1 ${startMs}\nn 1\n`, "# nothing\n");
    world.apply(job({ trackTimestampsStaleness: track }));
    await world.intervals(2);
    equal(world.values(`m{${OF_A}}`), track ? "1 stale" : "1");
    equal(world.values(`n{${OF_A}}`), "1 stale");
    equal(world.sink.samplesOf(`m{${OF_A}}`)[0]?.timestampMs, startMs);
  }
});

test("timestamps in the body do not count where the job does not honor them", async () => {
  await using world = new World();
  world.serve("a:1", "m 1 1000\n", "# nothing\n");
  world.apply(job({ honorTimestamps: false }));
  await world.intervals(2);
  equal(world.values(`m{${OF_A}}`), "1 stale");
  equal(
    world.sink.samplesOf(`m{${OF_A}}`)[0]?.timestampMs,
    world.sink.samplesOf(UP)[0]?.timestampMs,
  );
});

test("labels that both the target and the series have are told apart, as the job wants", async () => {
  const body = 'm{job="x", exported_job="y", exported_instance="z", instance="w"} 1\n';
  for (const [honorLabels, wanted] of [
    [
      false,
      'm{exported_exported_instance="w", exported_exported_job="x", exported_instance="z", exported_job="y", instance="a:1", job="j"}',
    ],
    [true, 'm{exported_instance="z", exported_job="y", instance="w", job="x"}'],
  ] as const) {
    await using world = new World();
    world.serve("a:1", body);
    world.apply(job({ honorLabels }));
    await world.intervals(1);
    equal(world.values(wanted), "1", world.sink.series.join("\n"));
    equal(world.values(UP), "1");
  }
});

test("the shorter of two conflicting names is exported first", async () => {
  await using world = new World();
  const own = labelsFrom([
    ["__address__", "a:1"],
    ["exported_job", "t"],
  ]);
  world.serve("a:1", 'm{job="s1", exported_job="s2", exported_exported_job="s3"} 1\n');
  world.apply(job({ staticConfigs: [{ source: "0", labels: [], targets: [own] }] }));
  await world.intervals(1);
  const wanted =
    'm{exported_exported_exported_exported_job="s2", exported_exported_exported_job="s1", exported_exported_job="s3", exported_job="t", instance="a:1", job="j"}';
  equal(world.values(wanted), "1", world.sink.series.join("\n"));
});

test("metric relabelling drops and renames series, and does not touch those about the scrape", async () => {
  await using world = new World();
  world.serve("a:1", 'm{x="1"} 1\nn 2\ndebug_a 3\ndebug_b 4\n');
  world.apply(
    job({
      metricRelabelRules: [
        { sourceLabels: ["__name__"], regex: "debug_.*|up", action: "drop" },
        { sourceLabels: ["__name__"], regex: "n", targetLabel: "__name__", replacement: "renamed" },
      ].map(createRelabelRule),
    }),
  );
  await world.intervals(2);
  equal(world.values(`renamed{${OF_A}}`), "2 2");
  equal(world.values(`m{${OF_A}, x="1"}`), "1 1");
  equal(world.values(UP), "1 1");
  equal(world.values(`scrape_samples_scraped{${OF_A}}`), "4 4");
  equal(world.values(`scrape_samples_post_metric_relabeling{${OF_A}}`), "2 2");
  ok(world.sink.series.every((series) => !series.includes("debug")));
});

test("a scrape over the sample limit stores nothing, and makes no more series than the limit", async () => {
  await using world = new World();
  const many = Array.from({ length: 50 }, (_, i) => `m{i="${i}"} 1\n`).join("");
  world.serve("a:1", 'm{i="0"} 1\n', many, many, 'm{i="0"} 4\n');
  world.apply(job({ sampleLimit: 10 }));
  await world.intervals(4);
  equal(world.values(`m{i="0", ${OF_A}}`), "1 stale 4");
  equal(world.values(UP), "1 0 0 1");
  equal(world.values(`scrape_samples_scraped{${OF_A}}`), "1 50 50 1");
  equal(world.values(`scrape_samples_post_metric_relabeling{${OF_A}}`), "1 50 50 1");
  ok(world.sink.series.filter((series) => series.startsWith("m{")).length <= 21);
  deepEqual(world.health(), ["http://a:1/metrics up"]);
});

test("OpenMetrics and text bodies may come from the same target", async () => {
  await using world = new World();
  const openMetrics = (body: string): SimAnswer =>
    text(body, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  world.serve("a:1", openMetrics("m 1\n# EOF\n"), "m 2\n", openMetrics("m 3\n# EOF\n"));
  world.apply(job());
  await world.intervals(3);
  equal(world.values(`m{${OF_A}}`), "1 2 3");
});

test("_created series say when the counters beside them began, where the job asks for it", async () => {
  const body = `# TYPE requests counter
requests_total{path="/"} 5 2
requests_created{path="/"} 1.5
requests_total{path="/new"} 1 2
# TYPE latency histogram
latency_bucket{le="1"} 3 2
latency_bucket{le="+Inf"} 4 2
latency_count 4 2
latency_sum 7 2
latency_created 0.25
# TYPE idle gauge
idle 9 2
# EOF
`;
  const starts = async (useCreatedTimestamps: boolean, contentType?: string) => {
    await using world = new World();
    world.serve("a:1", text(body, contentType));
    world.apply(job({ useCreatedTimestamps }));
    await world.intervals(1);
    deepEqual(world.health(), ["http://a:1/metrics up"]);
    return world.sink.startLines;
  };
  const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  deepEqual(await starts(true, openMetrics), [
    `requests_total{${OF_A}, path="/"} 2000 1500`,
    `requests_total{${OF_A}, path="/new"} 2000 NaN`,
    `latency_bucket{${OF_A}, le="1.0"} 2000 250`,
    `latency_bucket{${OF_A}, le="+Inf"} 2000 250`,
    `latency_count{${OF_A}} 2000 250`,
    `latency_sum{${OF_A}} 2000 250`,
  ]);
  deepEqual(await starts(false, openMetrics), []);
  deepEqual(await starts(true), []);
});

test("what one format allows is not taken in the other because it was seen before", async () => {
  await using world = new World();
  const body = 'm{ a="1" } 1\n';
  world.serve("a:1", body, text(`${body}# EOF\n`, "application/openmetrics-text"), body);
  world.apply(job());
  await world.intervals(3);
  equal(world.values(UP), "1 0 1");
  equal(world.values(`m{a="1", ${OF_A}}`), "1 stale 1");
});

test("scrapes fall on the target's grid and do not drift over a day, however long answers take", async () => {
  await using world = new World();
  let count = 0;
  world.network.host("http://a:1", () => ({
    ...text("m 1\n"),
    latencyMs: (count++ * 977) % 4900,
  }));
  world.apply(job({ staticConfigs: targets("a:1"), scrapeIntervalMs: 60_000 }));
  await world.clock.advance(86_400_000);
  const times = world.sink.samplesOf(UP).map(({ timestampMs }) => timestampMs);
  equal(times.length, 1440);
  for (const [at, timeMs] of times.entries()) equal(timeMs, (times[0] ?? 0) + at * 60_000);
  equal(world.manager.counters.missed, 0);
});

test("timestamps a little off the grid are put on it, others stay as they are", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n");
  world.apply(job());
  await world.intervals(2);
  const [first, second] = world.sink.samplesOf(UP).map(({ timestampMs }) => timestampMs);
  ok(first !== undefined && second === first + INTERVAL_MS);
  // Within 1 % of the interval, then beyond it.
  world.clock.jumpWall(90);
  await world.intervals(1);
  world.clock.jumpWall(3000);
  await world.intervals(2);
  const times = world.sink.samplesOf(UP).map(({ timestampMs }) => timestampMs - first);
  deepEqual(times.slice(0, 3), [0, 10_000, 20_000]);
  ok((times[3] ?? 0) > 30_000 && (times[3] ?? 0) <= 33_090, String(times));
  ok(
    times.slice(4).every((timeMs) => timeMs % INTERVAL_MS === 0),
    String(times),
  );
});

test("a wall clock that is set back an hour does not stop scraping", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n");
  world.apply(job());
  await world.intervals(3);
  world.clock.jumpWall(-3_600_000);
  await world.intervals(5);
  const count = world.sink.samplesOf(UP).length;
  ok(count >= 7 && count <= 9, `${count} scrapes in eight intervals`);
});

test("a slow target delays no other, and its scrapes never overlap", async () => {
  await using world = new World();
  let open = 0;
  let overlapped = false;
  world.network.host("http://slow:1", () => {
    overlapped ||= open > 0;
    open++;
    void world.clock.sleep(9999, new AbortController().signal).then(() => open--);
    return { ...text("m 1\n"), latencyMs: 9999 };
  });
  world.serve("a:1", "m 1\n");
  world.apply(job({ scrapeTimeoutMs: INTERVAL_MS, staticConfigs: targets("slow:1", "a:1") }));
  await world.intervals(20);
  equal(world.sink.samplesOf(UP).length, 20);
  const slow = world.sink.samplesOf('up{instance="slow:1", job="j"}');
  ok(slow.length >= 18 && slow.every(({ value }) => value === "1"), world.values(UP));
  equal(overlapped, false);
});

test("after the process was held up, missed scrapes are counted and not made up for", async () => {
  await using world = new World();
  // An answer that takes longer than any timeout stands for a process that was stopped.
  let held = false;
  const answer = world.network.request.bind(world.network);
  world.network.request = async (request, signal) => {
    const response = await answer(request, signal);
    if (!held && world.sink.samplesOf(UP).length === 2) {
      held = true;
      await world.clock.sleep(35_000, signal);
    }
    return response;
  };
  world.serve("a:1", "m 1\n");
  world.apply(job());
  await world.intervals(10);
  equal(world.manager.counters.missed, 3);
  const times = world.sink.samplesOf(UP).map(({ timestampMs }) => timestampMs);
  const [first = 0] = times;
  deepEqual(
    times.map((timeMs) => (timeMs - first) / INTERVAL_MS),
    [0, 1, 2, 6, 7, 8, 9],
  );
});

test("the targets of a job are spread over its interval", async () => {
  await using world = new World();
  const addresses = Array.from({ length: 200 }, (_, i) => `h${i}:1`);
  for (const address of addresses) world.serve(address, "m 1\n");
  world.apply(job({ staticConfigs: targets(...addresses) }));
  await world.intervals(1);
  equal(world.network.requests.length, 200);
  const perSecond = new Array<number>(10).fill(0);
  for (const { atMs } of world.network.requests)
    perSecond[Math.floor((atMs % INTERVAL_MS) / 1000)]! += 1;
  ok(Math.max(...perSecond) < 45, String(perSecond));
});

test("a target that is gone is marked stale two intervals later", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n");
  world.apply(job());
  await world.intervals(2);
  world.apply(job({ staticConfigs: [] }));
  deepEqual(world.manager.activeTargets(), []);
  // Two intervals after the last scrape, wherever in its interval the target is scraped.
  await world.intervals(1);
  equal(world.values(`m{${OF_A}}`), "1 1");
  await world.intervals(1.2);
  equal(world.values(`m{${OF_A}}`), "1 1 stale");
  equal(world.values(UP), "1 1 stale");
  const times = world.sink.samplesOf(UP).map(({ timestampMs }) => timestampMs);
  equal((times[2] ?? 0) - (times[1] ?? 0), INTERVAL_MS);
  await world.intervals(10);
  equal(world.network.requests.length, 2);
});

test("series that ended while nobody scraped begin again, and get no marker", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\ngone 1\n", "m 2\n", "m 3\nlater 3\n", "m 4\n");
  world.apply(job());
  await world.intervals(1);
  const before = world.sink.samplesOf(`gone{${OF_A}}`);
  world.sink.endAll();
  await world.intervals(3);
  equal(before.map(({ value }) => value).join(" "), "1");
  equal(world.sink.series.filter((series) => series.startsWith("m{")).length, 2);
  // From then on as ever.
  equal(world.values(`later{${OF_A}}`), "3 stale");
  deepEqual(world.health(), ["http://a:1/metrics up"]);
});

test("series beyond the sample limit of a scrape that failed for another reason are not lost", async () => {
  await using world = new World();
  world.serve("a:1", 'm 1\nn 1\no{long="123456"} 1\n', "n 2\n");
  const rules = [createRelabelRule({ action: "labeldrop", regex: "nothing" })];
  world.apply(job({ sampleLimit: 1, labelValueLengthLimit: 15, metricRelabelRules: rules }));
  await world.intervals(1);
  match(world.health().join(), /label_value_length_limit|sample limit/);
  await world.intervals(1);
  equal(world.values(`n{${OF_A}}`), "2");
});

test("a target that comes back in time is not marked stale", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\nn 1\n", "m 1\nn 1\n", "m 3\n");
  world.apply(job());
  await world.intervals(2);
  world.apply(job({ staticConfigs: [] }));
  world.apply(job());
  await world.intervals(4);
  equal(world.values(`m{${OF_A}}`), "1 1 3 3 3 3");
  equal(world.values(UP), "1 1 1 1 1 1");
  // What the target has lost meanwhile is marked all the same.
  equal(world.values(`n{${OF_A}}`), "1 1 stale");
});

test("a target that never answered a scrape leaves without a trace", async () => {
  await using world = new World();
  world.apply(job());
  world.apply();
  await world.intervals(5);
  equal(world.sink.sampleCount, 0);
});

test("a reload leaves unchanged targets alone, adds new ones and ends those that are gone", async () => {
  await using world = new World();
  for (const address of ["a:1", "b:1", "c:1"]) world.serve(address, "m 1\n");
  world.apply(job({ staticConfigs: targets("a:1", "b:1") }));
  await world.intervals(3);
  world.apply(job({ staticConfigs: targets("a:1", "c:1") }), {
    ...job(),
    jobName: "k",
  });
  await world.intervals(3);
  equal(world.values(UP), "1 1 1 1 1 1");
  equal(world.values(`scrape_series_added{${OF_A}}`), "1 0 0 0 0 0");
  equal(world.values('up{instance="b:1", job="j"}'), "1 1 1 stale");
  equal(world.values('up{instance="c:1", job="j"}'), "1 1 1");
  equal(world.values('up{instance="a:1", job="k"}'), "1 1 1");
});

test("changed settings take effect, keep the target's series, and mark those stale that they drop", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\nn 1\n");
  world.apply(job());
  await world.intervals(2);
  const rule = createRelabelRule({ sourceLabels: ["__name__"], regex: "n", action: "drop" });
  world.apply(job({ metricRelabelRules: [rule] }));
  deepEqual(world.health(), ["http://a:1/metrics up"]);
  await world.intervals(2);
  equal(world.values(`m{${OF_A}}`), "1 1 1 1");
  equal(world.values(`n{${OF_A}}`), "1 1 stale");
  equal(world.values(`scrape_series_added{${OF_A}}`), "2 0 0 0");
});

test("a changed interval takes effect, and scrapes do not overlap meanwhile", async () => {
  await using world = new World();
  world.serve("a:1", { ...text("m 1\n"), kind: "answer", latencyMs: 2900 });
  world.apply(job({ scrapeIntervalMs: 10_000, scrapeTimeoutMs: 3000 }));
  while (world.network.inFlight === 0) await world.clock.advance(100);
  world.apply(job({ scrapeIntervalMs: 1000, scrapeTimeoutMs: 1000 }));
  world.serve("a:1", "m 1\n");
  for (let step = 0; step < 28; step++) {
    await world.clock.advance(100);
    equal(world.network.requests.length, 1);
  }
  await world.clock.advance(10_000);
  equal(world.network.requests.length, 11);
});

test("a target whose own interval changes is scraped at the new one", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n");
  const every = (interval: string): ScrapeJob => {
    const own = labelsFrom({
      __address__: "a:1",
      __scrape_interval__: interval,
      __scrape_timeout__: "1s",
      __meta_interval: interval,
    });
    return job({ staticConfigs: [{ source: "0", labels: [], targets: [own] }] });
  };
  world.apply(every("20s"));
  await world.clock.advance(60_000);
  equal(world.network.requests.length, 3);
  world.apply(every("5s"));
  await world.clock.advance(60_000);
  equal(world.network.requests.length, 15);
  equal(world.values(`scrape_series_added{${OF_A}}`).startsWith("1 0 0 0"), true);
});

test("a target shows the labels that it was discovered with last", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n");
  const inZone = (zone: string): ScrapeJob =>
    job({ staticConfigs: [{ ...targets("a:1")[0]!, labels: [["__meta_zone", zone]] }] });
  world.apply(inZone("east"));
  world.apply(inZone("west"));
  const [target] = world.manager.activeTargets();
  equal(new Map(target?.discoveredLabels).get("__meta_zone"), "west");
  await world.intervals(1);
  equal(world.network.requests.length, 1);
});

test("what a scrape brings that was under way at a change is remembered too", async () => {
  await using world = new World();
  world.serve("a:1", { ...text("m 1\nn 1\n"), kind: "answer", latencyMs: 1000 });
  world.apply(job());
  while (world.network.inFlight === 0) await world.clock.advance(100);
  const rule = createRelabelRule({ sourceLabels: ["__name__"], regex: "n", action: "drop" });
  world.apply(job({ metricRelabelRules: [rule] }));
  await world.intervals(2);
  equal(world.values(`n{${OF_A}}`), "1 stale");
  equal(world.values(`m{${OF_A}}`).startsWith("1 1"), true);
});

test("at the end nothing is marked stale, and a scrape under way is given up", async () => {
  const world = new World();
  world.serve("a:1", "m 1\n");
  world.serve("b:1", { kind: "hang" });
  world.apply(job({ staticConfigs: targets("a:1", "b:1"), scrapeTimeoutMs: INTERVAL_MS }));
  await world.intervals(2);
  await world.manager[Symbol.asyncDispose]();
  const count = world.sink.sampleCount;
  await world.intervals(10);
  equal(world.sink.sampleCount, count);
  equal(world.network.inFlight, 0);
  ok(!world.values(`m{${OF_A}}`).includes("stale"));
});

test("targets come from files, and a changed file takes effect at its refresh or when told", async () => {
  await using world = new World();
  for (const address of ["a:1", "b:1", "c:1"]) world.serve(address, "m 1\n");
  const list = (...addresses: string[]): string => JSON.stringify([{ targets: addresses }]);
  const urls = (): readonly string[] =>
    world.manager.activeTargets().map(({ scrapeUrl }) => scrapeUrl);
  world.files.set("t.json", list("a:1"));
  world.apply(
    job({
      staticConfigs: [],
      fileSdConfigs: [{ files: ["*.json"], refreshIntervalMs: 30_000 }],
    }),
  );
  deepEqual(urls(), ["http://a:1/metrics"]);
  world.files.set("t.json", list("a:1", "b:1"));
  await world.clock.advance(29_000);
  deepEqual(urls(), ["http://a:1/metrics"]);
  await world.clock.advance(2000);
  deepEqual(urls(), ["http://a:1/metrics", "http://b:1/metrics"]);
  world.files.set("t.json", list("c:1"));
  world.manager.fileChanged("other.yml");
  equal(urls().length, 2);
  world.manager.fileChanged("t.json");
  deepEqual(urls(), ["http://c:1/metrics"]);
  world.files.set("t.json", "{");
  world.manager.fileChanged("t.json");
  deepEqual(urls(), ["http://c:1/metrics"]);
  equal(world.manager.discoveryErrors()[0]?.path, "t.json");
  equal(
    formatLabels(world.manager.activeTargets()[0]?.discoveredLabels ?? []).includes(
      '__meta_filepath="t.json"',
    ),
    true,
  );
});

test("a reload while a target file is bad keeps the targets that the file had", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n");
  world.files.set("t.json", '[{"targets": ["a:1"]}]');
  const fileSdConfigs = [{ files: ["t.json"], refreshIntervalMs: 30_000 }];
  world.apply(job({ staticConfigs: [], fileSdConfigs }));
  world.files.set("t.json", "{");
  world.apply(job({ staticConfigs: [], fileSdConfigs, honorLabels: true }));
  equal(world.manager.activeTargets().length, 1);
  world.files.set("t.json", "[]");
  await world.clock.advance(31_000);
  equal(world.manager.activeTargets().length, 0);
  world.files.set("u.json", '[{"targets": ["a:1", "b:1"]}]');
  world.apply(
    job({ staticConfigs: [], fileSdConfigs: [{ files: ["u.json"], refreshIntervalMs: 30_000 }] }),
  );
  equal(world.manager.activeTargets().length, 2);
});

test("two jobs of one name are refused, and nothing changes", async () => {
  await using world = new World();
  world.apply(job());
  let message = "";
  try {
    world.apply(job({ staticConfigs: [] }), job());
  } catch (error) {
    message = String(error);
  }
  ok(message.includes("two scrape jobs have the name j"), message);
  equal(world.manager.activeTargets().length, 1);
});

test("a store that takes no samples is told in the target's error, and is tried again", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n");
  world.apply(job());
  world.sink.failure = new OperatingError("disk.full", "no space left");
  await world.intervals(1);
  deepEqual(world.health(), [
    "http://a:1/metrics down the samples could not be stored: no space left",
  ]);
  world.sink.failure = undefined;
  await world.intervals(1);
  equal(world.values(`m{${OF_A}}`), "1");
  deepEqual(world.health(), ["http://a:1/metrics up"]);
});

test("samples that the store did not take do not slip in with the next ones", async () => {
  await using world = new World();
  world.serve("a:1", "m 1\n", "m 2\n", { kind: "refuse" }, "m 4\n", "m 5\n");
  world.apply(job());
  await world.intervals(1);
  world.sink.failure = new OperatingError("disk.full", "no space left");
  await world.intervals(1);
  world.sink.failure = undefined;
  await world.intervals(2);
  equal(world.values(`m{${OF_A}}`), "1 stale 4");
  world.sink.failure = new OperatingError("disk.full", "no space left");
  await world.intervals(1);
  world.apply();
  world.sink.failure = undefined;
  await world.intervals(3);
  equal(world.values(`m{${OF_A}}`), "1 stale 4 stale");
});

test("a body that fills the columns leaves room for what is told about it", async () => {
  await using world = new World(16);
  const body = (count: number): string =>
    Array.from({ length: count }, (_, i) => `m{i="${i}"} 1\n`).join("");
  world.serve("a:1", body(16), body(1), body(17));
  world.apply(job());
  await world.intervals(3);
  equal(world.values(UP), "1 1 0");
  equal(world.values(`m{i="15", ${OF_A}}`), "1 stale");
  equal(world.values(`m{i="0", ${OF_A}}`), "1 1 stale");
});

test("the table forgets spellings of series that do not come again", async () => {
  await using world = new World();
  let scrape = 0;
  world.network.host("http://a:1", () => {
    scrape++;
    return text(Array.from({ length: 300 }, (_, i) => `m{i="${scrape}-${i}"} 1\n`).join(""));
  });
  world.apply(job());
  for (let round = 0; round < 30; round++) {
    await world.intervals(1);
    // Namespace 0 keeps every series of the store, which is the store's part.
    const ofTarget = world.sink.table.size - world.sink.table.sizeOf(0);
    ok(ofTarget >= 300 && ofTarget <= 2 * 300 + 1000, `${ofTarget} entries`);
  }
  equal(world.sink.samplesOf(UP).length, 30);
});

test("a body may come from inside the server", async () => {
  await using world = new World();
  let count = 0;
  const readBody = (): Uint8Array => new TextEncoder().encode(`m ${++count}\n`);
  world.apply(job({ readBody, staticConfigs: targets("localhost") }));
  await world.intervals(2);
  equal(world.values('m{instance="localhost", job="j"}'), "1 2");
  equal(world.network.requests.length, 0);
  const [target] = world.manager.activeTargets();
  equal(target?.scrapeUrl, "http://localhost/metrics");
  equal(target?.globalUrl, "http://pharos.example/metrics");
});

test("targets, dropped ones and what they say about their metrics can be shown", async () => {
  await using world = new World();
  world.serve("a:1", "# HELP m Of all.\n# TYPE m counter\nm 1\n");
  const rule = createRelabelRule({ sourceLabels: ["__address__"], regex: "b.*", action: "drop" });
  world.apply(job({ staticConfigs: targets("a:1", "b:1", "c/d"), relabelRules: [rule] }));
  const [before] = world.manager.activeTargets();
  equal(before?.health, "unknown");
  equal(before?.lastScrapeMs, undefined);
  await world.intervals(1);
  const [target] = world.manager.activeTargets();
  deepEqual(
    { ...target, discoveredLabels: [], labels: formatLabels(target?.labels ?? []) },
    {
      scrapePool: "j",
      scrapeUrl: "http://a:1/metrics",
      globalUrl: "http://a:1/metrics",
      discoveredLabels: [],
      labels: `{${OF_A}}`,
      scrapeIntervalMs: 10_000,
      scrapeTimeoutMs: 5000,
      health: "up",
      lastError: "",
      lastScrapeMs: world.sink.samplesOf(UP)[0]?.timestampMs,
      lastScrapeDurationMs: 0,
    },
  );
  deepEqual(
    world.manager.droppedTargets().map(({ error }) => error),
    [undefined, '"c/d" is not a valid hostname'],
  );
  deepEqual(
    [...world.manager.families()].map(({ family, type, help }) => [family, type, help]),
    [["m", "counter", "Of all."]],
  );
});

/** What a target shows in a scrape: the series, in order; or nothing, for it does not answer. */
type Show = readonly string[] | "fails";

/** What must be stored of a series, scrape by scrape, as a naive reader of the rules would say. */
function expectedValues(shows: readonly Show[], series: string): string {
  const values: string[] = [];
  let live = false;
  for (const [at, show] of shows.entries()) {
    const present = show !== "fails" && show.includes(series);
    if (present) values.push(String(at));
    else if (live) values.push("stale");
    live = present;
  }
  return values.join(" ");
}

test("whatever a target shows, each series has its samples, and one marker where it ends", async () => {
  const show = fc.oneof(
    { weight: 4, arbitrary: fc.shuffledSubarray(["m", "n", "o", "p"]) },
    { weight: 1, arbitrary: fc.constant("fails" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(show, { minLength: 1, maxLength: 10 }), async (shows) => {
      await using world = new World();
      let at = 0;
      world.network.host("http://a:1", () => {
        const now = shows[at] ?? "fails";
        const value = at++;
        if (now === "fails") return { kind: "refuse" };
        return text(now.map((series) => `${series} ${value}\n`).join(""));
      });
      world.apply(job());
      await world.intervals(shows.length);
      for (const series of ["m", "n", "o", "p"])
        equal(world.values(`${series}{${OF_A}}`), expectedValues(shows, series), series);
      equal(world.values(UP), shows.map((now) => (now === "fails" ? 0 : 1)).join(" "));
    }),
    { numRuns: 200 },
  );
});
