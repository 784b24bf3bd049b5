// Every call to the disk fails once: the first in the first run, the second in the second, until a run has no failure.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, type Rng, seededRng } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";
import { Client, close, EVERYTHING, LABEL_SETS, Model, opener, readAll } from "./store-model.ts";

const kernels = await Kernels.load();
const HOUR_MS = 3_600_000;
const never = new AbortController().signal;

/** What a store does in a day, in small; failures of the disk are met and the day goes on. */
async function live(
  disk: SimDisk,
  clock: SimClock,
  rng: Rng,
  client: Client,
  model: Model,
): Promise<number> {
  let failures = 0;
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await clock.run(work());
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      failures++;
    }
  };
  let store: EmbeddedStore | undefined;
  const open = opener(openStore, kernels, clock, {
    walSync: "always",
    retentionMs: 4 * HOUR_MS,
    walSegmentSizeMax: 1000,
  });
  await attempt(async () => {
    store = await open(disk);
  });
  const opened = store;
  if (opened === undefined) return failures;
  for (let step = 0; step < 6; step++) {
    for (let i = 0; i < 2; i++) {
      await clock.run(clock.sleep(60_000, never));
      const batch = client.makeBatch(rng);
      for (const sample of batch) model.send(sample);
      await attempt(() => client.append(opened, batch));
    }
    await attempt(async () => {
      for (const sample of await readAll(opened)) model.keep(sample);
    });
    await clock.run(clock.sleep(HOUR_MS, never));
    if (step % 2 === 1) await attempt(() => opened.maintain(clock.nowMs()));
    if (step === 2) await attempt(() => opened.flush());
  }
  await attempt(() => close(opened));
  return failures;
}

for (const mode of ["one call fails", "from one call on, all fail"] as const)
  test(`when ${mode}, whatever it is, nothing acknowledged is lost and nothing is made up`, async () => {
    let runs = 0;
    // Far apart in the second mode, where neighbours differ little.
    for (let failing = 1; ; failing += mode === "one call fails" ? 1 : 7) {
      const rng = seededRng(failing);
      const clock = new SimClock();
      const client = new Client(clock, kernels);
      const model = new Model();
      const disk = new SimDisk(rng);
      let calls = 0;
      disk.beforeCall = (call, path) => {
        calls++;
        if (mode === "one call fails" ? calls === failing : calls >= failing)
          throw new OperatingError("disk.failed", `${call} of ${path}, call ${failing}`);
      };
      const failures = await live(disk, clock, rng, client, model);
      disk.beforeCall = () => {};

      const where = `call ${failing}`;
      for (const series of LABEL_SETS.keys()) model.expire(series, clock.nowMs() - 4 * HOUR_MS);
      const table = opener(openStore, kernels, clock, {});
      const store = await clock.run(table(disk.kill()));
      model.check(await clock.run(readAll(store)), EVERYTHING, where);
      await clock.run(close(store));
      client.release();
      runs++;
      if (calls < failing) {
        ok(failures === 0, "a run without a failure");
        break;
      }
    }
    ok(runs > 20, `${runs} runs`);
  });
