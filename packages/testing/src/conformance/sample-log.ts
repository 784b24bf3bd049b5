import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import { formatLabels, type Labels, labelsFrom, METRIC_NAME } from "@pharos/base";
import type { LogBatch, LogConsumer, LogReadOptions, SampleBatch, SampleLog } from "@pharos/ports";

const EPOCH_MS = 1_700_000_000_000;

/** A log for one test; `close` frees it. */
export interface OpenedSampleLog {
  readonly log: SampleLog;
  close(): Promise<void>;
}

/** What `SampleLog` promises, as tests. Every implementation runs all of it, and nothing is skipped. */
export function sampleLogConformance(name: string, open: () => Promise<OpenedSampleLog>): void {
  const withLog = (title: string, run: (log: SampleLog) => Promise<void>): void => {
    test(title, async () => {
      const { log, close } = await open();
      try {
        await run(log);
      } finally {
        await close();
      }
    });
  };

  describe(`${name} keeps the SampleLog contract`, () => {
    withLog("a consumer reads what was appended, in order, with its labels", async (log) => {
      const consumer = await log.consumer("rules", "oldest");
      await log.append(batch("cpu 1:1", "mem 1:2"));
      await log.append(batch("cpu 2:3"));
      deepEqual(await read(consumer), ["cpu 1:1", "mem 1:2", "cpu 2:3"]);
    });

    withLog("late samples come in the order in which they were accepted", async (log) => {
      const consumer = await log.consumer("rules", "oldest");
      await log.append(batch("cpu 10:1"));
      await log.append(batch("cpu 5:2"));
      deepEqual(await read(consumer), ["cpu 10:1", "cpu 5:2"]);
    });

    withLog("a consumer may begin at the end, or at the oldest that is there", async (log) => {
      await log.append(batch("cpu 1:1"));
      const late = await log.consumer("late", "end");
      const early = await log.consumer("early", "oldest");
      await log.append(batch("cpu 2:2"));
      deepEqual(await read(late), ["cpu 2:2"]);
      deepEqual(await read(early), ["cpu 1:1", "cpu 2:2"]);
    });

    withLog("what is not committed is read again, what is committed is not", async (log) => {
      const first = await log.consumer("rules", "oldest");
      await log.append(batch("cpu 1:1"));
      await log.append(batch("cpu 2:2"));
      for await (const { partition, nextOffset } of first.read(once())) {
        await first.commit({ partition, offset: nextOffset });
        break;
      }
      const second = await log.consumer("rules", "end");
      deepEqual(await read(second), ["cpu 2:2"]);
      deepEqual(await read(second), ["cpu 2:2"]);
    });

    withLog("consumers commit each for itself", async (log) => {
      const one = await log.consumer("one", "oldest");
      const two = await log.consumer("two", "oldest");
      const [end] = await log.append(batch("cpu 1:1"));
      ok(end !== undefined);
      await one.commit(end);
      deepEqual(await read(one), []);
      deepEqual(await read(two), ["cpu 1:1"]);
    });

    withLog("the log is read again from any offset that a batch had", async (log) => {
      const consumer = await log.consumer("rules", "oldest");
      for (let i = 1; i <= 4; i++) await log.append(batch(`cpu ${i}:${i}`));
      const batches: LogBatch[] = [];
      for await (const one of consumer.read(once())) batches.push(one);
      equal(batches.length, 4);
      await consumer.commit({ partition: 0, offset: (batches[3] as LogBatch).nextOffset });
      const { partition, offset } = batches[2] as LogBatch;
      deepEqual(await read(consumer, [{ partition, offset }]), ["cpu 3:3", "cpu 4:4"]);
      for (const [i, { nextOffset }] of batches.slice(0, 3).entries())
        ok((batches[i + 1] as LogBatch).offset >= nextOffset, "offsets rise");
    });

    withLog(
      "a reader that follows gets what is appended later, until it is stopped",
      async (log) => {
        const consumer = await log.consumer("rules", "oldest");
        const stop = new AbortController();
        const found: string[] = [];
        const reading = (async () => {
          for await (const one of consumer.read({ follow: true, signal: stop.signal })) {
            found.push(...samplesOf(one));
            if (found.length === 3) stop.abort(new Error("enough"));
          }
        })();
        for (let i = 1; i <= 3; i++) await log.append(batch(`cpu ${i}:${i}`));
        await rejects(reading, /enough/);
        deepEqual(found, ["cpu 1:1", "cpu 2:2", "cpu 3:3"]);
      },
    );

    withLog("a reader that does not follow ends at what was there when it began", async (log) => {
      const consumer = await log.consumer("rules", "oldest");
      await log.append(batch("cpu 1:1"));
      const found: string[] = [];
      for await (const one of consumer.read(once())) {
        found.push(...samplesOf(one));
        await log.append(batch("cpu 2:2"));
      }
      deepEqual(found, ["cpu 1:1"]);
    });

    withLog("the lag is what is not committed", async (log) => {
      const consumer = await log.consumer("rules", "end");
      equal(consumer.lag(), 0);
      const [end] = await log.append(batch("cpu 1:1"));
      ok(consumer.lag() > 0 && end !== undefined);
      deepEqual(log.consumers(), [
        { name: "rules", committed: consumer.committed(), lag: consumer.lag() },
      ]);
      await consumer.commit(end);
      equal(consumer.lag(), 0);
      deepEqual(consumer.committed(), [end]);
    });

    withLog("a consumer that is dropped is forgotten", async (log) => {
      await log.consumer("rules", "oldest");
      await log.append(batch("cpu 1:1"));
      await log.dropConsumer("rules");
      await log.dropConsumer("rules");
      deepEqual(log.consumers(), []);
      deepEqual(await read(await log.consumer("rules", "end")), []);
    });

    withLog("a staleness marker is no ordinary NaN", async (log) => {
      const consumer = await log.consumer("rules", "oldest");
      await log.append(batch("cpu 1:stale 2:NaN 3:-Inf"));
      deepEqual(await read(consumer), ["cpu 1:stale", "cpu 2:NaN", "cpu 3:-Infinity"]);
    });

    withLog("the batch may be reused once the append has resolved", async (log) => {
      const consumer = await log.consumer("rules", "oldest");
      const reused = batch("cpu 1:1");
      await log.append(reused);
      reused.values.fill(9);
      reused.timestampsMs.fill(9);
      deepEqual(await read(consumer), ["cpu 1:1"]);
    });
  });
}

function once(): LogReadOptions {
  return { follow: false, signal: new AbortController().signal };
}

async function read(consumer: LogConsumer, from?: LogReadOptions["from"]): Promise<string[]> {
  const found: string[] = [];
  const options = from === undefined ? once() : { ...once(), from };
  for await (const one of consumer.read(options)) found.push(...samplesOf(one));
  return found;
}

/** `series seconds:value` of each sample. */
function samplesOf({ series, timestampsMs, values, stale, labelsOf }: LogBatch): string[] {
  return Array.from(series, (ref, i) => {
    const seconds = ((timestampsMs[i] as number) - EPOCH_MS) / 1000;
    return `${formatLabels(labelsOf(ref))} ${seconds}:${stale?.[i] === 1 ? "stale" : values[i]}`;
  });
}

/** `metric seconds:value …` of each series. */
function batch(...lines: readonly string[]): SampleBatch {
  const labelSets: Labels[] = [];
  const samples: { series: number; ms: number; value: number; stale: boolean }[] = [];
  for (const [series, line] of lines.entries()) {
    const [metric = "", ...points] = line.split(" ");
    labelSets.push(labelsFrom({ [METRIC_NAME]: metric }));
    for (const point of points) {
      const [seconds, text] = point.split(":");
      const value = text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
      const ms = EPOCH_MS + Number(seconds) * 1000;
      samples.push({ series, ms, value, stale: text === "stale" });
    }
  }
  return {
    labelSets,
    series: Uint32Array.from(samples, ({ series }) => series),
    timestampsMs: Float64Array.from(samples, ({ ms }) => ms),
    values: Float64Array.from(samples, ({ value }) => value),
    stale: Uint8Array.from(samples, ({ stale }) => Number(stale)),
  };
}
