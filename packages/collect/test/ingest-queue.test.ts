import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { IngestQueue } from "../src/ingest-queue.ts";

/** Work that ends when told to, and a record of what has begun. */
function jobs(): {
  readonly begun: string[];
  work(name: string): () => Promise<string>;
  finish(name: string): void;
} {
  const begun: string[] = [];
  const finishers = new Map<string, () => void>();
  return {
    begun,
    work: (name) => () => {
      begun.push(name);
      return new Promise((resolve) => finishers.set(name, () => resolve(name)));
    },
    finish: (name) => finishers.get(name)?.(),
  };
}

const isFull = (error: unknown): boolean =>
  error instanceof OperatingError && error.code === "queue.full" && error.retryable;

test("work is done in the order of the calls, so many at a time", async () => {
  const { begun, work, finish } = jobs();
  const queue = new IngestQueue({ requestsMax: 10, bytesMax: 100, concurrentMax: 2 });
  const all = ["a", "b", "c", "d"].map((name) => queue.run(1, work(name)));
  deepEqual(begun, ["a", "b"]);
  finish("b");
  equal(await all[1], "b");
  deepEqual(begun, ["a", "b", "c"]);
  finish("a");
  await all[0];
  deepEqual(begun, ["a", "b", "c", "d"]);
  finish("c");
  finish("d");
  deepEqual(await Promise.all(all), ["a", "b", "c", "d"]);
  deepEqual(queue.stats(), { requests: 0, bytes: 0, refusedTotal: 0, samplesRefusedTotal: 0 });
});

test("a full queue refuses at once, and takes requests again when one is done", async () => {
  const { begun, work, finish } = jobs();
  const queue = new IngestQueue({ requestsMax: 2, bytesMax: 100, concurrentMax: 1 });
  const first = queue.run(10, work("first"));
  const second = queue.run(10, work("second"));
  await rejects(queue.run(10, work("third")), isFull);
  queue.countRefused(7);
  deepEqual(queue.stats(), { requests: 2, bytes: 20, refusedTotal: 1, samplesRefusedTotal: 7 });
  finish("first");
  await first;
  const fourth = queue.run(10, work("fourth"));
  finish("second");
  await second;
  finish("fourth");
  equal(await fourth, "fourth");
  deepEqual(begun, ["first", "second", "fourth"]);
});

test("bytes are limited too, but a large request alone passes", async () => {
  const { work, finish } = jobs();
  const queue = new IngestQueue({ requestsMax: 10, bytesMax: 100, concurrentMax: 1 });
  const large = queue.run(1000, work("large"));
  await rejects(queue.run(1, work("small")), isFull);
  finish("large");
  await large;
  const half = queue.run(60, work("half"));
  await rejects(queue.run(60, work("other half")), isFull);
  finish("half");
  equal(await half, "half");
});

test("work that fails gives its place back", async () => {
  const queue = new IngestQueue({ requestsMax: 1, bytesMax: 100, concurrentMax: 1 });
  await rejects(
    queue.run(1, () => Promise.reject(new OperatingError("disk.full", "no space"))),
    /no space/,
  );
  await rejects(
    queue.run(1, () => {
      throw new OperatingError("input.invalid", "bad body");
    }),
    /bad body/,
  );
  ok((await queue.run(1, () => "done")) === "done");
  equal(queue.stats().requests, 0);
});
