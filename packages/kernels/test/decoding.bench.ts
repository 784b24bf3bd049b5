// CPU nanoseconds per sample of the two decoders, on series like node_exporter's:
// `node packages/kernels/test/decoding.bench.ts`
import { type Labels, labelsFrom, type Rng, seededRng } from "@pharos/base";
import { encodeWriteRequest } from "@pharos/testing";
import { compress } from "snappyjs";
import {
  ExpositionDecoder,
  HEAD_NAMESPACE,
  Kernels,
  RemoteWriteDecoder,
  SampleColumns,
  SeriesTable,
} from "../src/index.ts";

const REPETITIONS = 7;
const NOW = 1_700_000_000_000;
const MODES = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];

/** The least time of some repetitions: what disturbs only adds. */
function measure(name: string, samples: number, run: (repetition: number) => void): void {
  const times: number[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const before = process.cpuUsage();
    run(repetition);
    const { user, system } = process.cpuUsage(before);
    times.push(((user + system) * 1000) / samples);
  }
  times.sort((a, b) => a - b);
  const [best = 0] = times;
  const median = times[REPETITIONS >> 1] as number;
  process.stdout.write(`${name}: ${best.toFixed(1)} ns/sample (median ${median.toFixed(1)})\n`);
}

/** A label set of some 200 bytes, most of them the same for all series of a host. */
function hostLabels(host: number, i: number): Labels {
  return labelsFrom({
    __name__: `node_metric_number_${i >> 3}_seconds_total`,
    cluster: "eu-west-1-production",
    cpu: String(i & 63),
    device: `/dev/disk/by-id/nvme-${i % 7}`,
    instance: `host-${host}.eu-west-1.example.com:9100`,
    job: "node-exporter",
    mode: MODES[i & 7] as string,
  });
}

function shuffle<T>(list: readonly T[], rng: Rng): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

const kernels = await Kernels.load();
const rng = seededRng(1);
const HOSTS = 50;
const HOST_SERIES = 2000;

{
  const table = new SeriesTable(kernels);
  const columns = new SampleColumns(kernels, 262_144);
  const decoder = new RemoteWriteDecoder(kernels, table, columns);
  let references = 0;
  const resolve = (bytes: Uint8Array): number => {
    table.insert(HEAD_NAMESPACE, bytes, references);
    return references++;
  };
  const bodies = Array.from({ length: HOSTS }, (_, host) => {
    const series = Array.from({ length: HOST_SERIES }, (__, i) => ({
      labels: hostLabels(host, i),
      samples: [{ timestampMs: NOW, value: rng.chance(50) ? rng.below(1000) : rng.unit() }],
    }));
    return {
      ordered: compress(encodeWriteRequest(series)),
      shuffled: [0, 1].map(() => compress(encodeWriteRequest(shuffle(series, rng)))),
    };
  });
  const samples = HOSTS * HOST_SERIES;
  const decodeAll = (pick: (body: (typeof bodies)[number]) => Uint8Array): void => {
    for (const body of bodies) decoder.decode(pick(body), resolve);
  };
  const before = process.cpuUsage();
  decodeAll(({ ordered }) => ordered);
  const { user, system } = process.cpuUsage(before);
  const each = (((user + system) * 1000) / samples).toFixed(0);
  process.stdout.write(`remote write, ${samples} new series: ${each} ns/series\n`);
  measure("remote write, same order as before", samples, () => decodeAll(({ ordered }) => ordered));
  measure("remote write, another order each time", samples, (repetition) =>
    decodeAll(({ shuffled }) => shuffled[repetition & 1] as Uint8Array),
  );
  const [first] = bodies as [(typeof bodies)[number]];
  const size = kernels.call("snappySize", place(first.ordered), first.ordered.length);
  const out = kernels.allocate(size + 64);
  const source = place(first.ordered);
  measure("  of that, snappy", HOST_SERIES * HOSTS, () => {
    for (let i = 0; i < HOSTS; i++)
      kernels.call("snappyDecode", source, first.ordered.length, out, size);
  });
  process.stdout.write(`  ${Math.round(size / HOST_SERIES)} bytes/sample decoded, `);
  process.stdout.write(`${Math.round(first.ordered.length / HOST_SERIES)} compressed\n`);
}

{
  const TARGETS = 20;
  const LINES = 5000;
  const table = new SeriesTable(kernels);
  const columns = new SampleColumns(kernels, 262_144);
  const decoder = new ExpositionDecoder(kernels, table, columns);
  const encoder = new TextEncoder();
  const targets = Array.from({ length: TARGETS }, (_, target) => {
    const lines = Array.from({ length: LINES }, (__, i) => {
      const value = rng.chance(50) ? rng.below(100_000) : (rng.unit() * 1e6).toPrecision(8);
      const comment =
        i % 20 === 0
          ? `# HELP node_metric_${i} Something that node_exporter says of it.\n# TYPE node_metric_${i} counter\n`
          : "";
      return `${comment}node_metric_number_${i >> 3}_total{cpu="${i & 63}",mode="${MODES[i & 7]}",t="${target}"} ${value}`;
    });
    const text = (list: readonly string[]): Uint8Array => encoder.encode(`${list.join("\n")}\n`);
    const plain = lines.map((line) => line.replace(/^#.*\n/gm, ""));
    return {
      namespace: table.openNamespace(),
      ordered: text(lines),
      shuffled: [0, 1].map(() => text(shuffle(plain, rng))),
    };
  });
  let references = 0;
  const decodeAll = (pick: (target: (typeof targets)[number]) => Uint8Array): void => {
    for (const target of targets)
      decoder.decode(
        pick(target),
        {
          format: "text",
          namespace: target.namespace,
          defaultTimestampMs: NOW,
          honorTimestamps: true,
        },
        () => references++,
      );
  };
  decodeAll(({ ordered }) => ordered);
  const samples = TARGETS * LINES;
  const bytes = Math.round((targets[0]?.ordered.length ?? 0) / LINES);
  measure(`scrape, same order as before, ${bytes} bytes/line`, samples, () =>
    decodeAll(({ ordered }) => ordered),
  );
  measure("scrape, another order each time", samples, (repetition) =>
    decodeAll(({ shuffled }) => shuffled[repetition & 1] as Uint8Array),
  );
}

/** Copies bytes into the kernels' memory, with slack behind them. */
function place(bytes: Uint8Array): number {
  const pointer = kernels.allocate(bytes.length + 64);
  kernels.bytes.set(bytes, pointer);
  return pointer;
}
