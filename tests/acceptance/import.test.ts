// `pharos import` with the real systems: what they answered before, Pharos answers afterwards.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  answering,
  Child,
  eventually,
  findProgram,
  freePort,
  run,
  skipWithout,
} from "../harness/child.ts";
import {
  apiGet,
  type MatrixElement,
  PharosProcess,
  pharosCommand,
  scalarOf,
  temporaryFolder,
} from "../harness/pharos-process.ts";
import { PrometheusProcess } from "../harness/prometheus-process.ts";

const START_SECONDS = 1_700_000_000;
const SERIES = 20;
const SAMPLES = 1500;
const STEP_SECONDS = 60;
/** Somewhat longer than the retention that is the default: nothing may go before it was looked at. */
const KEEP = ["--retention", "100y"];

/** A day of samples: counters, measurements, and values that are no numbers. */
function oldSamples(): string {
  const lines = ["# TYPE old gauge"];
  for (let series = 0; series < SERIES; series++)
    for (let i = 0; i < SAMPLES; i++) {
      const value = i % 97 === 5 ? "NaN" : i % 89 === 7 ? "+Inf" : String(Math.sin(i * series) * i);
      lines.push(
        `old{s="${series}",text="} \\" \\\\"} ${value} ${START_SECONDS + i * STEP_SECONDS}`,
      );
    }
  return `${lines.join("\n")}\n# EOF\n`;
}

/** Runs an import to its end. */
function pharosImport(
  ...args: readonly string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return run(...pharosCommand("import", ...args));
}

/** All samples of some series that a server knows, in a form that compares. */
async function samplesOf(url: string, selector: string, atSeconds: number): Promise<unknown> {
  const { result } = await apiGet<{ result: MatrixElement[] }>(url, "query", {
    query: `${selector}[30d]`,
    time: String(atSeconds),
  });
  return result
    .map(({ metric, values }) => [JSON.stringify(Object.entries(metric).sort()), values] as const)
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

test("a Prometheus is imported with its blocks, its log and its deletions, after a kill in the middle", {
  skip: skipWithout("prometheus", "promtool"),
}, async () => {
  await using folder = await temporaryFolder();
  const text = join(folder.path, "old.om");
  await writeFile(text, oldSamples());
  const from = join(folder.path, "prometheus-data");
  const made = await run(findProgram("promtool") ?? "", [
    ...["tsdb", "create-blocks-from", "openmetrics", text, from],
  ]);
  equal(made.code, 0, made.stderr);

  let atSeconds = 0;
  let before: unknown[] = [];
  const endSeconds = START_SECONDS + SAMPLES * STEP_SECONDS;
  const ask = async (url: string): Promise<unknown[]> => [
    await samplesOf(url, "old", endSeconds),
    await samplesOf(url, '{job="self"}', atSeconds),
  ];
  {
    await using prometheus = await PrometheusProcess.start(
      folder.path,
      (address) =>
        `scrape_configs: [{job_name: self, scrape_interval: 1s, static_configs: [{targets: ["${address}"]}]}]`,
      ["--web.enable-admin-api", "--storage.tsdb.retention.time=100y"],
    );
    const selector = encodeURIComponent('old{s="3"}');
    const deletion = `match[]=${selector}&start=${START_SECONDS + 600}&end=${START_SECONDS + 40_000}`;
    await fetch(`${prometheus.url}/api/v1/admin/tsdb/delete_series?${deletion}`, {
      method: "POST",
    });
    await eventually(
      "some scrapes",
      async () => ((await scalarOf(prometheus.url, "count_over_time(up[1m])")) ?? 0) >= 4,
    );
    atSeconds = Math.floor(Date.now() / 1000) - 1;
    before = await ask(prometheus.url);
    await prometheus.stop();
  }
  const data = join(folder.path, "data");
  const child = new Child(...pharosCommand("import", "prometheus", from, "--data", data));
  await eventually("the third block", async () => child.ended || child.output.includes("(3 of "));
  await child.stop("SIGKILL");
  ok(!child.output.includes("Imported"), "it was killed before its end");
  deepEqual(existsSync(join(data, "blocks")), false, "nothing is taken over before the end");

  const done = await pharosImport("prometheus", from, "--data", data);
  equal(done.code, 0, done.stderr);
  match(done.stdout, /Imported [\d,]+ samples; each was read back/);
  {
    await using pharos = await PharosProcess.start({ folder: folder.path, args: KEEP });
    deepEqual(await ask(pharos.url), before);
    const refused = await pharosImport("prometheus", from, "--data", data);
    equal(refused.code, 1);
    match(refused.stderr, /another process uses this data folder: stop the server/);
    await pharos.stop("SIGTERM");
  }
  const again = await pharosImport("prometheus", from, "--data", data);
  match(again.stdout, /^Nothing new to import\.$/m);
});

test("a text is imported from a file and from standard input, and what is wrong has its line", async () => {
  await using folder = await temporaryFolder();
  const text = oldSamples();
  const file = join(folder.path, "old.om");
  await writeFile(file, text);
  const data = join(folder.path, "data");
  const count = (SERIES * SAMPLES).toLocaleString("en-US");
  const fromFile = await pharosImport("openmetrics", file, "--data", data);
  match(
    fromFile.stdout,
    new RegExp(`20 series; ${count} samples read, ${count} written and read back`),
  );
  const other = join(folder.path, "other");
  const fromInput = await run(...pharosCommand("import", "openmetrics", "-", "--data", other), {
    input: text,
  });
  match(fromInput.stdout, new RegExp(`Imported ${count} samples`));
  await writeFile(file, text.replace("# EOF\n", "old 1\n# EOF\n"));
  const wrong = await pharosImport("openmetrics", file, "--data", data);
  equal(wrong.code, 1);
  match(wrong.stderr, /line 30002: the sample has no timestamp/);
  const names = await readdir(join(data, "blocks"));
  ok(names.length > 0 && names.every((name) => /^\d+-\d+-\d+$/.test(name)));
});

test("a VictoriaMetrics is imported day by day, with the values that its export gives", {
  skip: skipWithout("victoria-metrics"),
}, async () => {
  await using folder = await temporaryFolder();
  const port = await freePort();
  await using victoria = new Child(findProgram("victoria-metrics") ?? "", [
    ...[`-storageDataPath=${join(folder.path, "vm")}`, `-httpListenAddr=127.0.0.1:${port}`],
    "-retentionPeriod=100y",
  ]);
  const url = `http://127.0.0.1:${port}`;
  await answering(`${url}/health`, victoria);
  const lines = Array.from({ length: 10 }, (_, series) =>
    JSON.stringify({
      metric: { __name__: "vm", s: String(series), text: '"},"values":[1]\\' },
      values: Array.from({ length: 400 }, (_, i) => Math.sin(i) * series),
      timestamps: Array.from({ length: 400 }, (_, i) => (START_SECONDS + i * 600) * 1000),
    }),
  );
  await fetch(`${url}/api/v1/import`, { method: "POST", body: lines.join("\n") });
  await fetch(`${url}/internal/force_flush`);
  const exported = await eventually("what was sent is there", async () => {
    const answer = await fetch(`${url}/api/v1/export?match[]=vm`);
    const texts = (await answer.text()).trim().split("\n");
    return texts.length === 10 && texts.map((line) => JSON.parse(line) as ExportLine);
  });
  const data = join(folder.path, "data");
  const range = ["--start", String(START_SECONDS - 86_400), "--end", "2023-12-31"];
  const done = await pharosImport(
    "victoria-metrics",
    url,
    "--match",
    "vm",
    ...range,
    "--data",
    data,
  );
  match(done.stdout, /Imported 4,000 samples/, done.stderr);
  await using pharos = await PharosProcess.start({ folder: folder.path, args: KEEP });
  const wanted = exported
    .map(({ metric, values, timestamps }) => [
      JSON.stringify(Object.entries(metric).sort()),
      timestamps.map((ms, i) => [ms / 1000, values[i]]),
    ])
    .sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1));
  const found = (await samplesOf(pharos.url, "vm", START_SECONDS + 400 * 600)) as [
    string,
    [number, string][],
  ][];
  deepEqual(
    found.map(([labels, values]) => [labels, values.map(([s, value]) => [s, Number(value)])]),
    wanted,
  );
});

interface ExportLine {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly number[];
  readonly timestamps: readonly number[];
}
