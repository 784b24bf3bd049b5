// Records what real exporters answer under some load, once a second, for the disk comparison.
// `npm run bench:capture -- --minutes 100`. The file can be used while it grows.
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { scriptOptions } from "../scripts/script-options.ts";
import { CaptureWriter } from "./capture-file.ts";
import { endProgress, progress } from "./comparison.ts";
import { findProgram, pharos, prometheus, versionOf, victoriaMetrics } from "./contenders.ts";
import { CAPTURE_FILE } from "./disk-data.ts";
import { type Program, ServerProcess } from "./server-process.ts";

const STEP_MS = 1000;

const { values: options } = scriptOptions({
  options: {
    minutes: { type: "string", default: "100" },
    file: { type: "string", default: CAPTURE_FILE },
  },
});

const nodeExporter: Program = {
  name: "node-exporter",
  async command({ port }) {
    const program = findProgram("prometheus-node-exporter");
    return program === undefined
      ? undefined
      : [
          ...[program, `--web.listen-address=127.0.0.1:${port}`, "--log.level=error"],
          // Needs a system bus, and says so at every scrape.
          "--no-collector.systemd",
        ];
  },
  readyPath: "/",
  version: () => versionOf("prometheus-node-exporter", "--version"),
};

interface Target {
  readonly name: string;
  readonly url: string;
}

/** What keeps the servers busy, so that their figures move: queries of several kinds, one after another. */
const QUERIES = [
  "up",
  "sum by (mode) (rate(node_cpu_seconds_total[1m]))",
  "histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[5m])))",
  "topk(5, rate(process_cpu_seconds_total[1m]))",
  "count({__name__=~'.+'})",
];

await using stack = new AsyncDisposableStack();

async function start(program: Program, config?: string): Promise<Target | undefined> {
  const server = await ServerProcess.start(program, config === undefined ? {} : { config });
  if (server === undefined) {
    process.stdout.write(`${program.name} is missing; see scripts/services.sh\n`);
    return undefined;
  }
  stack.use(server);
  process.stdout.write(`${program.version()}\n`);
  return { name: program.name, url: server.url };
}

const exporter = await start(nodeExporter);
const victoria = await start(victoriaMetrics);
const ours = await start(pharos);
const others = [exporter, victoria, ours].filter((each) => each !== undefined);

// Prometheus scrapes them all and passes the samples on, so that each of them stores and serves.
const scrapeConfig = `global: { scrape_interval: 5s }
scrape_configs:
${others
  .map(
    ({ name, url }) =>
      `- { job_name: ${name}, static_configs: [{ targets: ["${new URL(url).host}"] }] }`,
  )
  .join("\n")}
remote_write:
${[victoria, ours]
  .filter((each) => each !== undefined)
  .map(({ url }) => `- { url: "${url}/api/v1/write" }`)
  .join("\n")}
`;
const scraper = await start(prometheus, scrapeConfig);
const targets = [
  ...[...others, scraper]
    .filter((each) => each !== undefined)
    .map(({ name, url }) => ({ name, url: `${url}/metrics` })),
  ...(ours === undefined ? [] : [{ name: "pharos-host", url: `${ours.url}/metrics/node` }]),
];
const queried = [scraper, victoria, ours].filter((each) => each !== undefined);

const path = resolve(options.file);
mkdirSync(dirname(path), { recursive: true });
const scrapes = Math.round(Number(options.minutes) * 60);
{
  using file = new CaptureWriter(path);
  for (let scrape = 0; scrape < scrapes; scrape++) {
    await sleep(STEP_MS - (Date.now() % STEP_MS));
    const timestampMs = Date.now();
    await Promise.all(
      targets.map(async ({ name, url }) => {
        const text = await ask(url, { accept: "text/plain;version=0.0.4" });
        if (text !== undefined) file.add({ scrape, timestampMs, target: name, text });
      }),
    );
    const query = QUERIES[scrape % QUERIES.length] ?? "";
    const { url } = queried[scrape % queried.length] ?? {};
    if (url !== undefined) await ask(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
    progress(`scrape ${scrape + 1} of ${scrapes}`);
  }
}
/** The answer; undefined for none, since a target that is busy once is no reason to end a capture of hours. */
async function ask(url: string, headers: Record<string, string> = {}): Promise<string | undefined> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(STEP_MS) });
    return await response.text();
  } catch {
    return undefined;
  }
}

endProgress();
process.stdout.write(`${scrapes} scrapes of ${targets.length} targets are in ${path}\n`);
