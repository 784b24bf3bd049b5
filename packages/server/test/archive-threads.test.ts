// A store's thread that archives into a folder, and query threads that read from there: real threads, real files.
import { equal, match, ok } from "node:assert/strict";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { labelsFrom, METRIC_NAME, NO_LABELS } from "@pharos/base";
import { responseOf } from "../src/http/answer.ts";
import { readRequestOf } from "../src/http/read-request.ts";
import { createLogger } from "../src/log.ts";
import { QueryPool } from "../src/threads/query-pool.ts";
import { StoreThread } from "../src/threads/store-thread.ts";

const DAY_MS = 86_400_000;
/** Enough calls to the store's thread for it to have archived one block, whatever else the machine does. */
const LOOKS_MAX = 1_000_000;

test("old samples are in the archive's folder after a restart, and queries find them there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pharos-archive-"));
  const log = createLogger("error", "json", () => {});
  const archive = { directory: join(folder, "archive"), afterMs: DAY_MS };
  const data = { dataFolder: join(folder, "data"), seed: 1, settings: {}, archive };
  const openStore = () => StoreThread.open(data, log, () => {});
  const oldMs = Math.floor(Date.now() / 1000) * 1000 - 3 * DAY_MS;
  try {
    {
      await using store = await openStore();
      await store.append({
        labelSets: ["old", "new"].map((name) => labelsFrom({ [METRIC_NAME]: name })),
        series: Uint32Array.of(0, 0, 1),
        timestampsMs: Float64Array.of(oldMs, oldMs + 1000, Date.now()),
        values: Float64Array.of(1, 42, 7),
        stale: null,
      });
    }
    await using store = await openStore();
    let archived = 0;
    for (let look = 0; look < LOOKS_MAX && archived === 0; look++)
      archived = (await store.stats()).archive?.blocks ?? 0;
    equal(archived, 1);

    await using queries = new QueryPool({
      ...{ store, log, threadsMax: 1, externalLabels: () => NO_LABELS },
      settings: {
        ...{ dataFolder: data.dataFolder, archive, lookbackMs: 300_000, samplesMax: 1_000_000 },
        ...{ timeoutMs: 60_000, defaultStepMs: 60_000 },
      },
    });
    const ask = async (path: string): Promise<string> => {
      const request = await readRequestOf(new Request(`http://pharos${path}`));
      return responseOf(await queries.read(request)).text();
    };
    const oldQuery = `/api/v1/query?query=old&time=${oldMs / 1000 + 60}`;
    match(await ask(oldQuery), /"value":\[[\d.]+,"42"\]/);
    match(await ask(`/api/v1/label/__name__/values?start=0&end=${oldMs / 1000 + 60}`), /"old"/);

    await rename(archive.directory, `${archive.directory}.away`);
    const answer = await ask(`/api/v1/query?query=old%20or%20new`);
    match(answer, /"value":\[[\d.]+,"7"\]/);
    ok(!answer.includes("warnings"), "recent data needs no archive");
    match(await ask(oldQuery), /"warnings":\["the result may be incomplete: archived block raw\//);
  } finally {
    await rm(folder, { recursive: true });
  }
});
