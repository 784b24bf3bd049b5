import { deepEqual, equal } from "node:assert/strict";
import { statSync, truncateSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Labels, labelsFrom } from "@pharos/base";
import { encodeWriteRequest } from "@pharos/testing";
import { uncompress } from "snappyjs";
import { CaptureWriter, readCapture } from "../bench/capture-file.ts";
import { formatRows, percentile } from "../bench/comparison.ts";
import { capturedData, generatedData, STALE_NAN } from "../bench/disk-data.ts";
import { LoadBody } from "../bench/load-body.ts";
import { encodeLabelFields, WriteRequest } from "../bench/remote-write-body.ts";
import { w1LabelSets } from "../bench/workload-w1.ts";

const NOW_MS = 1_790_000_000_000;

const asLabels = (set: Readonly<Record<string, string>>): Labels => labelsFrom(set);

test("the benchmark's bodies are those that the plain encoder makes", () => {
  const timestampsMs = Float64Array.of(NOW_MS, NOW_MS + 15_000, NOW_MS + 30_001);
  const values = Float64Array.of(1.5, -3e300, 0.1);
  const request = new WriteRequest();
  const sets = w1LabelSets(1).slice(0, 3);
  for (const set of sets) request.add(encodeLabelFields(set), timestampsMs, values, 1, 3);
  equal(request.sampleCount, 6);
  const wanted = encodeWriteRequest(
    sets.map((set) => ({
      labels: asLabels(set),
      samples: [1, 2].map((at) => ({
        timestampMs: timestampsMs[at] ?? 0,
        value: values[at] ?? 0,
      })),
    })),
  );
  deepEqual(request.take(), wanted);
  equal(request.size, 0, "the next one begins empty");
});

test("a NaN's payload is in the benchmark's bodies", () => {
  const stale = new Float64Array(BigUint64Array.of(STALE_NAN).buffer);
  const request = new WriteRequest();
  request.add(encodeLabelFields({ __name__: "up" }), Float64Array.of(NOW_MS), stale);
  const sample = { timestampMs: NOW_MS, value: 0, stale: true };
  const labels = labelsFrom({ __name__: "up" });
  deepEqual(
    uncompress(request.takeCompressed()),
    encodeWriteRequest([{ labels, samples: [sample] }]),
  );
});

test("a soak's body is patched with each round's values and time", () => {
  const sets = w1LabelSets(3).slice(50, 250);
  const body = new LoadBody(sets, 50);
  for (const round of [1, 2]) {
    const timestampMs = NOW_MS + round * 15_000;
    const value = (series: number): number => series * 10 + round;
    const wanted = sets.map((set, at) => ({
      labels: asLabels(set),
      samples: [{ timestampMs, value: value(50 + at) }],
    }));
    deepEqual(uncompress(body.at(timestampMs, { next: value })), encodeWriteRequest(wanted));
  }
});

test("captured scrapes are replayed as the exporter wrote them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "capture-"));
  try {
    const path = join(folder, "capture.bin");
    const texts = ['# HELP a b\na{x="1"} 1\nb NaN\n', 'a{x="1"} 2\nb +Inf\nc -0\n'];
    {
      using writer = new CaptureWriter(path);
      for (const [scrape, text] of texts.entries())
        writer.add({ scrape, timestampMs: NOW_MS + scrape * 1003, target: "t", text });
    }
    deepEqual(
      [...readCapture(path)].map(({ text }) => text),
      texts,
    );
    const whole = { endMs: NOW_MS, scrapesMax: 10 };
    const exact = capturedData(path, { ...whole, restamp: true })?.series ?? [];
    deepEqual(
      exact.map(({ labels, timestampsMs }) => [labels["__name__"], ...timestampsMs]),
      [
        ["a", NOW_MS - 15_000, NOW_MS],
        ["b", NOW_MS - 15_000, NOW_MS],
        ["c", NOW_MS],
      ],
    );
    deepEqual(exact[0]?.labels, { __name__: "a", x: "1", job: "t", instance: "t:9100" });
    deepEqual([...(exact[0]?.values ?? [])], [1, 2]);
    const bits = new BigUint64Array(exact[1]?.values.buffer ?? new ArrayBuffer(0));
    deepEqual([...bits], [0x7ff8_0000_0000_0001n, 0x7ff0_0000_0000_0000n]);
    deepEqual([...(exact[2]?.values ?? [])], [-0]);
    const real = capturedData(path, { ...whole, restamp: false })?.series ?? [];
    deepEqual([...(real[0]?.timestampsMs ?? [])], [NOW_MS - 1003, NOW_MS]);

    truncateSync(path, statSync(path).size - 1);
    equal([...readCapture(path)].length, 1, "a half-written record is left out");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("all samples of a generated scrape share its jitter", () => {
  const { series } = generatedData({ hosts: 2, rounds: 50, endMs: NOW_MS, jitterMsMax: 20 });
  equal(series.length, 200);
  const [first, ofSameHost, ofOther] = [series[0], series[99], series[100]];
  deepEqual(first?.timestampsMs, ofSameHost?.timestampsMs);
  const late = [...(first?.timestampsMs ?? [])].map((at, i) => at - (NOW_MS - (49 - i) * 15_000));
  equal(Math.min(...late) >= 0 && Math.max(...late) <= 20, true, `${late}`);
  equal(new Set(late).size > 5, true, "the jitter varies");
  equal(`${first?.timestampsMs}` === `${ofOther?.timestampsMs}`, false, "by host");
});

test("tables line up, and medians are of the sorted values", () => {
  equal(
    formatRows([
      ["a", "bb"],
      ["ccc", "1"],
    ]),
    "a    bb\nccc   1\n",
  );
  equal(percentile([3, 1, 2], 50), 2);
  equal(percentile([5], 99), 5);
});
