// A real file system that is full: a small tmpfs, which only root may mount.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { createMatcher, labelsFrom, METRIC_NAME, OperatingError } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { openStore } from "@pharos/tsdb";

const MIB = 1024 ** 2;

function mountSmall(): { folder: string; unmount: () => void } | string {
  const folder = mkdtempSync(join(tmpdir(), "pharos-small-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], { stdio: "pipe" });
  } catch (error) {
    rmSync(folder, { recursive: true });
    return `a tmpfs cannot be mounted here: ${String(error).split("\n")[0]}`;
  }
  const unmount = (): void => {
    // Also where a failure left files open.
    execFileSync("umount", ["--lazy", folder]);
    rmSync(folder, { recursive: true });
  };
  return { folder, unmount };
}

for (const keepFree of [0, 2 * MIB])
  test(`a store on a full disk that keeps ${keepFree} bytes free reads on, and writes again when there is space`, async (t) => {
    const mounted = mountSmall();
    if (typeof mounted === "string") return t.skip(mounted);
    const { folder, unmount } = mounted;
    try {
      const kernels = await Kernels.load();
      const options = {
        disk: nodeDisk(folder),
        clock: systemClock,
        kernels,
        walSegmentSizeMax: 256 * 1024,
        diskKeepFree: keepFree,
      };
      let store = await openStore({ ...options, table: new SeriesTable(kernels) });
      const startMs = systemClock.nowMs() - 600_000;
      const append = (at: number): Promise<unknown> =>
        store.append({
          labelSets: Array.from({ length: 1000 }, (_, i) =>
            labelsFrom({ [METRIC_NAME]: "m", i: String(i) }),
          ),
          series: Uint32Array.from({ length: 1000 }, (_, i) => i),
          timestampsMs: new Float64Array(1000).fill(startMs + at * 1000),
          values: new Float64Array(1000).fill(Math.PI * at),
          stale: null,
        });
      const count = async (): Promise<number> => {
        let samples = 0;
        const signal = new AbortController().signal;
        const all = [createMatcher("=", METRIC_NAME, "m")];
        const range = { minMs: 0, maxMs: 2 ** 50 };
        for await (const { values } of store.select(range, all, { samplesMax: 1e9, signal }))
          samples += values.length;
        return samples;
      };
      let batches = 0;
      await rejects(
        async () => {
          for (; batches < 5000; batches++) await append(batches);
        },
        (error) => error instanceof OperatingError && error.code === "disk.full",
      );
      ok(batches > 50, `${batches} batches`);
      equal(await count(), batches * 1000);
      if (keepFree > 0) {
        // What was kept free is enough to move all samples to blocks, which frees the log.
        await store.maintain(systemClock.nowMs());
        ok(store.stats().blocks.length > 0);
      } else {
        await rejects(append(batches), { code: "disk.full" });
        execFileSync("mount", ["-o", "remount,size=16m", folder]);
      }
      for (let more = 0; more < 20; more++) await append(batches++);
      equal(await count(), batches * 1000);
      await store[Symbol.asyncDispose]();
      store = await openStore({ ...options, table: new SeriesTable(kernels) });
      equal(await count(), batches * 1000);
      deepEqual(store.stats().problems, []);
      await store[Symbol.asyncDispose]();
    } finally {
      unmount();
    }
  });
