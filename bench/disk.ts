// Bytes a sample costs on disk, side by side, after everything is flushed and merged; and whether what comes back is what
// was sent, bit by bit. `npm run bench:disk`; the captured data needs `npm run bench:capture` first.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { benchOptions, printVersions, SERVER_CORE } from "./bench-options.ts";
import { compare, endProgress, printTable, progress } from "./comparison.ts";
import { type Contender, pharos } from "./contenders.ts";
import {
  CAPTURE_FILE,
  capturedData,
  type DiskData,
  generatedData,
  oddData,
  type SeriesSamples,
} from "./disk-data.ts";
import { type Difference, differencesOnDisk, differencesOverHttp } from "./read-back.ts";
import { encodeLabelFields, WriteRequest } from "./remote-write-body.ts";
import { Sender } from "./sender.ts";
import { ServerProcess } from "./server-process.ts";
import { STEP_MS } from "./workload-w1.ts";

/** Samples are sent in time order, a window at a time: Prometheus takes none that is an hour older than its newest. */
const WINDOW_MS = 30 * 60_000;
const SAMPLES_PER_BODY = 10_000;
const NO_ROLLUPS = "global: {}\nrollups: []\n";

interface Figures {
  readonly bytesPerSample: number;
  /** The part of it that is no samples but rollups of them, which only ours keeps. */
  readonly rollupBytesPerSample: number;
  readonly cpuPerMillion: number;
  readonly difference: Difference;
  /** What lies on disk against what was sent, NaN payloads included; only of ours. */
  readonly onDisk: Difference | undefined;
}

const options = benchOptions({
  data: [
    "capture-15s,generated,jitter,capture-1s,odd",
    "capture-15s,generated,jitter,capture-1s,odd",
  ],
  file: [CAPTURE_FILE, CAPTURE_FILE],
  // "none": ours makes none either, so that the CPU is for the samples alone.
  rollups: ["kept", "kept"],
});
const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
const generated = { hosts: 10, rounds: options.quick ? 480 : 5760, endMs };
const captured = { endMs, scrapesMax: options.quick ? 480 : Number.POSITIVE_INFINITY };
const { file } = options.own;

const DATA: Readonly<Record<string, () => DiskData | undefined>> = {
  "capture-15s": () => capturedData(file, { ...captured, restamp: true }),
  generated: () => generatedData({ ...generated, jitterMsMax: 0 }),
  jitter: () => generatedData({ ...generated, jitterMsMax: 20 }),
  "capture-1s": () => capturedData(file, { ...captured, restamp: false }),
  odd: () => oddData(endMs),
};

async function measure(contender: Contender, data: DiskData): Promise<Figures | undefined> {
  const config = contender === pharos && options.own.rollups === "none" ? NO_ROLLUPS : undefined;
  await using server = await ServerProcess.start(contender, {
    core: SERVER_CORE,
    ...(config === undefined ? {} : { config }),
  });
  if (server === undefined) return undefined;
  const idleCpu = server.cpuSeconds();
  using sender = new Sender(server.url + contender.writePath);
  for (const [bodies, share] of windows(data.series)) {
    progress(`${contender.name}: sent ${Math.round(share * 100)} %`);
    await sender.send(bodies);
  }
  progress(`${contender.name}: flushes and merges`);
  const folder = await contender.settle(server);
  const size = usedSize(folder);
  const rollups = join(folder, "rollups");
  const rollupSize = existsSync(rollups) ? usedSize(rollups) : 0;
  const cpu = server.cpuSeconds() - idleCpu;
  progress(`${contender.name}: reading back`);
  const difference = await differencesOverHttp(server, data.series);
  let onDisk: Difference | undefined;
  if (contender === pharos) {
    await server.stop("SIGTERM");
    onDisk = await differencesOnDisk(folder, data.series);
  }
  endProgress();
  const sampleCount = countSamples(data);
  return {
    bytesPerSample: size / sampleCount,
    rollupBytesPerSample: rollupSize / sampleCount,
    cpuPerMillion: cpu / (sampleCount / 1e6),
    difference,
    onDisk,
  };
}

/** The bodies of each window of time, and which share of all time is sent with them. */
function* windows(
  series: readonly SeriesSamples[],
): Generator<readonly [bodies: readonly Uint8Array[], share: number]> {
  const fields = series.map(({ labels }) => encodeLabelFields(labels));
  const sent = new Uint32Array(series.length);
  const firstMs = Math.min(...series.map(({ timestampsMs }) => timestampsMs[0] ?? endMs));
  const request = new WriteRequest();
  for (let fromMs = firstMs; fromMs <= endMs + STEP_MS; fromMs += WINDOW_MS) {
    const bodies: Uint8Array[] = [];
    for (const [at, { timestampsMs, values }] of series.entries()) {
      const from = sent[at] as number;
      let to = from;
      while (to < timestampsMs.length && (timestampsMs[to] as number) < fromMs + WINDOW_MS) to++;
      if (to === from) continue;
      request.add(fields[at] as Uint8Array, timestampsMs, values, from, to);
      sent[at] = to;
      if (request.sampleCount >= SAMPLES_PER_BODY) bodies.push(request.takeCompressed());
    }
    if (request.sampleCount > 0) bodies.push(request.takeCompressed());
    yield [bodies, Math.min(1, (fromMs + WINDOW_MS - firstMs) / (endMs - firstMs))];
  }
}

/** What the files of a folder take from the disk, as `du` counts. */
function usedSize(folder: string): number {
  let size = statSync(folder).blocks * 512;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    size += entry.isDirectory() ? usedSize(path) : statSync(path).blocks * 512;
  }
  return size;
}

function countSamples({ series }: DiskData): number {
  return series.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0);
}

for (const name of options.own.data.split(",")) {
  const make = DATA[name];
  if (make === undefined) throw new TypeError(`--data takes ${Object.keys(DATA).join(", ")}`);
  const data = make();
  if (data === undefined) {
    process.stdout.write(`\n${name}: nothing was captured yet; npm run bench:capture does it\n`);
    continue;
  }
  const results = await compare(options.contenders, options, (each) => measure(each, data));
  process.stdout.write(`\n${data.title}: ${countSamples(data)} samples`);
  const percent = (count: number, { compared }: Difference): number => (100 * count) / compared;
  printTable<Figures>(name, results, [
    { title: "bytes/sample", digits: 3, of: (f) => f.bytesPerSample, ratio: true },
    { title: "of it rollups", digits: 3, of: (f) => f.rollupBytesPerSample },
    {
      title: "without",
      digits: 3,
      of: (f) => f.bytesPerSample - f.rollupBytesPerSample,
      ratio: true,
    },
    { title: "CPU-s/M, load and merge", digits: 3, of: (f) => f.cpuPerMillion, ratio: true },
    { title: "% changed", digits: 3, of: ({ difference: d }) => percent(d.changed, d) },
    { title: "% missing", digits: 3, of: ({ difference: d }) => percent(d.missing, d) },
    { title: "added", digits: 0, of: ({ difference: d }) => d.added },
    { title: "bits changed on disk", digits: 0, of: ({ onDisk: d }) => d?.changed },
    { title: "missing on disk", digits: 0, of: ({ onDisk: d }) => d?.missing },
  ]);
}
printVersions(options.contenders);
