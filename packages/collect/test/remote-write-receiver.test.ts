import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { type Label, OperatingError, STALE_HISTOGRAM } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { encodeWriteRequest, type SentSeries } from "@pharos/testing";
import fc from "fast-check";
import { compress } from "snappyjs";
import type { AttachmentSink } from "../src/column-sink.ts";
import { RemoteWriteReceiver } from "../src/remote-write-receiver.ts";
import { MemorySink } from "./memory-sink.ts";

const kernels = await Kernels.load();

function series(labels: readonly Label[], ...values: (number | "stale")[]): SentSeries {
  return {
    labels,
    samples: values.map((value, at) => ({
      timestampMs: 1000 * (at + 1),
      value: value === "stale" ? 0 : value,
      stale: value === "stale",
    })),
  };
}

function named(name: string, ...labels: Label[]): readonly Label[] {
  return [["__name__", name], ...labels];
}

function body(...list: SentSeries[]): Uint8Array {
  return new Uint8Array(compress(encodeWriteRequest(list)));
}

function receiver(): { sink: MemorySink; receiver: RemoteWriteReceiver } {
  const sink = new MemorySink(kernels, 1000);
  return { sink, receiver: new RemoteWriteReceiver(kernels, sink) };
}

test("samples are stored under the labels that the sender gave them, markers included", async () => {
  const { sink, receiver: remote } = receiver();
  const result = await remote.receive(
    body(series(named("m", ["a", "1"]), 1, 2, "stale"), series(named("n"), 5)),
  );
  equal(result.series, 2);
  equal(result.appended.appended, 4);
  equal(result.refused, undefined);
  equal(sink.columns.length, 0);
  equal(sink.valuesOf('m{a="1"}'), "1 2 stale");
  equal(sink.valuesOf("n"), "5");
  deepEqual(
    sink.samplesOf('m{a="1"}').map(({ timestampMs }) => timestampMs),
    [1000, 2000, 3000],
  );
});

test("labels in another order, or with empty values, mean the same series", async () => {
  const { sink, receiver: remote } = receiver();
  await remote.receive(body(series(named("m", ["a", "1"], ["b", "2"]), 1)));
  await remote.receive(
    body(
      series(
        [
          ["b", "2"],
          ["a", "1"],
          ["c", ""],
          ["__name__", "m"],
        ],
        2,
      ),
    ),
  );
  equal(sink.valuesOf('m{a="1", b="2"}'), "1 2");
  equal(sink.series.length, 1);
});

test("a series with labels that we do not take is left out and told, and the others are stored", async () => {
  const bad: readonly (readonly [labels: readonly Label[], reason: RegExp])[] = [
    [[["a", "1"]], /series \{a="1"\}: the metric name \(label __name__\) is missing/],
    [named("m", ["a", "1"], ["a", "2"]), /label a comes twice/],
    [named("m", ["", "1"]), /a label without a name/],
    [named("m", ["a", "x".repeat(5000)]), /label "a": a value of 5000 bytes; at most 4096/],
    [named("m", ["x".repeat(300), "1"]), /a label name of 300 bytes; at most 256/],
    [
      named("m", ...Array.from({ length: 40 }, (_, i): Label => [`l${i + 10}`, "1"])),
      /41 labels; at most 40 are allowed/,
    ],
  ];
  for (const [labels, reason] of bad) {
    const { sink, receiver: remote } = receiver();
    for (const round of [1, 2]) {
      const result = await remote.receive(
        body(series(named("good"), round), series(labels, 1, 2), series(named("fine"), round)),
      );
      equal(result.refused?.samples, 2);
      ok(reason.test(result.refused?.reason ?? ""), result.refused?.reason);
      ok((result.refused?.reason.length ?? 0) < 400);
    }
    equal(sink.valuesOf("good"), "1 2");
    equal(sink.valuesOf("fine"), "1 2");
    deepEqual(sink.series, ["fine", "good"]);
  }
});

test("of many series that are refused the first is told, cut short", async () => {
  const { receiver: remote } = receiver();
  const bad = ["first", "second"].map((name) =>
    series(named(name, ["long", "x".repeat(60_000)]), 1),
  );
  const { refused } = await remote.receive(body(...bad));
  equal(refused?.samples, 2);
  ok(/^series first\{long="x{180,200}: label "long": a value of 60000/.test(refused?.reason ?? ""));
});

test("where no more series may begin, the known ones are taken, and the others are once there is room", async () => {
  const { sink, receiver: remote } = receiver();
  await remote.receive(body(series(named("known", ["a", "1"]), 1)));
  sink.full = true;
  const unsorted: SentSeries = series([["a", "1"], ...named("known")], 2);
  const { refused, appended } = await remote.receive(
    body(series(named("new"), 1, 2), unsorted, series([["a", "2"], ...named("known")], 3)),
  );
  equal(appended.appended, 1);
  equal(refused?.samples, 3);
  ok(/no more series may begin: --head-series-max/.test(refused?.reason ?? ""));
  equal(sink.valuesOf('known{a="1"}'), "1 2");
  sink.full = false;
  equal((await remote.receive(body(series(named("new"), 1, 2)))).refused, undefined);
  equal(sink.valuesOf("new"), "1 2");
});

test("a malformed body is refused as a whole, and the next one is taken", async () => {
  const { sink, receiver: remote } = receiver();
  const good = body(series(named("m"), 1));
  const isInvalid = (error: unknown): boolean =>
    error instanceof OperatingError && error.code === "input.invalid";
  await rejects(remote.receive(good.subarray(0, good.length - 1)), isInvalid);
  await rejects(remote.receive(new TextEncoder().encode("not snappy")), isInvalid);
  await rejects(
    remote.receive(body(series(named("m"), ...Array.from({ length: 1001 }, () => 1)))),
    (error) => error instanceof OperatingError && error.code === "input.too_large",
  );
  equal(sink.sampleCount, 0);
  await remote.receive(good);
  equal(sink.valuesOf("m"), "1");
});

test("a store that takes no samples is told to the sender, who may try again", async () => {
  const { sink, receiver: remote } = receiver();
  sink.failure = new OperatingError("queue.full", "too much at once");
  await rejects(remote.receive(body(series(named("m"), 1))), /too much at once/);
  sink.failure = undefined;
  await remote.receive(body(series(named("m"), 1)));
  equal(sink.valuesOf("m"), "1");
});

test("what comes in is what was sent, whatever the labels", async () => {
  const text = fc.string({ unit: "grapheme", maxLength: 12 });
  const labels = fc
    .dictionary(
      text.filter((name) => name !== "" && name !== "__name__"),
      text,
      { maxKeys: 6 },
    )
    .map((others): Label[] => [["__name__", "m"], ...Object.entries(others)]);
  await fc.assert(
    fc.asyncProperty(fc.array(labels, { maxLength: 8 }), async (sets) => {
      const sink = new MemorySink(kernels, 100);
      const remote = new RemoteWriteReceiver(kernels, sink);
      const result = await remote.receive(body(...sets.map((set, at) => series(set, at))));
      equal(result.refused, undefined);
      equal(sink.sampleCount, sets.length);
      const distinct = new Set(
        sets.map((set) => JSON.stringify(set.filter(([, value]) => value !== "").sort())),
      );
      equal(sink.series.length, distinct.size);
    }),
    { numRuns: 30 },
  );
});

test("histograms, exemplars and metadata go where the sink takes them, in one turn with the samples", async () => {
  const { sink, receiver: remote } = receiver();
  const histogram = { ...STALE_HISTOGRAM, stale: false, sum: 0 };
  const request = encodeWriteRequest(
    [
      { ...series(named("m"), 1), exemplars: [{ labels: [], timestampMs: 5, value: 2 }] },
      {
        labels: named("h"),
        samples: [],
        histograms: [
          { histogram, timestampMs: 7 },
          { histogram: { ...histogram, count: 3 }, timestampMs: 8 },
        ],
      },
    ],
    [{ type: 2, family: "m", help: "Help.", unit: "" }],
  );
  const asked = new Uint8Array(compress(request));
  const without = await remote.receive(asked);
  deepEqual([without.appended.appended, without.exemplars.appended], [1, 0]);
  equal(without.refusedHistograms?.histograms, 1);

  const taken: string[] = [];
  const attachments: AttachmentSink = {
    appendHistograms: ({ refs, timestampsMs }) => {
      taken.push(`histograms ${refs.join()} ${timestampsMs.join()}`);
      return { appended: 1, duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
    },
    appendExemplars: ({ refs, timestampsMs }) => {
      taken.push(`exemplars ${refs.join()} ${timestampsMs.join()}`);
      return { appended: 1, outOfOrder: 0, refused: 0 };
    },
    appendMetadata: (list) => {
      taken.push(`metadata ${list.map(({ metric, type }) => `${metric} ${type}`).join()}`);
    },
  };
  sink.attachments = attachments;
  const receiving = remote.receive(asked);
  deepEqual(taken, ["histograms 1 7", "exemplars 0 5", "metadata m gauge"]);
  const result = await receiving;
  deepEqual([result.appended.appended, result.exemplars.appended], [2, 1]);

  const failure = new OperatingError("memory.full", "no room");
  sink.attachments = {
    ...attachments,
    appendHistograms: () => {
      throw failure;
    },
  };
  await rejects(remote.receive(asked), failure);
});
