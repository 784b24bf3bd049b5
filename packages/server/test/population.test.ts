import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { compileRule, type GroupAlert } from "@pharos/alert";
import { labelsFrom, OperatingError } from "@pharos/base";
import { createEngine } from "@pharos/promql/engine";
import type { Expr } from "@pharos/promql/syntax";
import { MemoryStore, SimClock } from "@pharos/testing";
import { type AlertContextOptions, alertContext } from "../src/rules/population.ts";

const START_MS = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const { signal } = new AbortController();

/** Ten hosts in two data centres for the last two hours, of which the first three are down for half an hour. */
async function world(): Promise<{ options: AlertContextOptions; problems: string[] }> {
  const clock = new SimClock(START_MS);
  const samples = new MemoryStore();
  const labelSets = Array.from({ length: 10 }, (_, host) =>
    labelsFrom({ __name__: "up", instance: `host-${host}`, dc: host < 5 ? "a" : "b" }),
  );
  for (let ago = 120; ago >= 0; ago--)
    await samples.append({
      labelSets,
      series: Uint32Array.from(labelSets.keys()),
      timestampsMs: new Float64Array(10).fill(START_MS - ago * MINUTE),
      values: Float64Array.from(labelSets, (_, host) => (host < 3 && ago <= 30 ? 0 : 1)),
      stale: null,
    });
  const engine = createEngine({ clock });
  const rule = compileRule(
    {
      ...{ kind: "alert", name: "Down", expr: "up == 0", forMs: 0, keepFiringForMs: 0 },
      ...{ labels: [["severity", "page"]], annotations: [] },
    },
    { labels: [] },
  );
  const problems: string[] = [];
  const options: AlertContextOptions = {
    clock,
    ruleOf: () => (rule.kind === "alert" ? rule : undefined),
    evaluate: (expr: Expr, timeMs: number) => engine.instant(samples, expr, timeMs, { signal }),
    onProblem: (error, doing) => problems.push(`${doing}: ${error.message}`),
  };
  return { options, problems };
}

function down(host: number, endsAtMs: number | null = null): GroupAlert {
  const dc = host < 5 ? "a" : "b";
  return {
    labels: labelsFrom({ alertname: "Down", severity: "page", instance: `host-${host}`, dc }),
    annotations: [],
    startsAtMs: START_MS - 30 * MINUTE,
    endsAtMs,
    generatorUrl: "http://pharos.test/graph?x",
  };
}

test("a notification says how many of all that its group could have are affected", async () => {
  const { options, problems } = await world();
  const all = { labels: labelsFrom({ alertname: "Down", severity: "page" }) };
  const { population } = await alertContext(options, all, [down(0), down(1), down(2)], signal);
  deepEqual(population, { affected: 3, total: 10, label: "instances" });
  const ofDc = { labels: labelsFrom({ alertname: "Down", dc: "a" }) };
  const again = await alertContext(options, ofDc, [down(0), down(1), down(2, START_MS)], signal);
  deepEqual(again.population, { affected: 2, total: 5, label: "instances" });
  deepEqual(problems, []);
});

test("its chart has the last hour of what fires, minute by minute, and the threshold", async () => {
  const { options } = await world();
  const { chart } = await alertContext(options, { labels: [] }, [down(0), down(2)], signal);
  equal(chart?.title, "Down");
  equal(chart?.threshold, 0);
  deepEqual(
    chart?.series.map(({ name }) => name),
    ['{dc="a", instance="host-0"}', '{dc="a", instance="host-2"}'],
  );
  const points = chart?.series[0]?.points ?? [];
  equal(points.length, 60);
  deepEqual(points[0], [START_MS - 59 * MINUTE, 1]);
  deepEqual(points[28], [START_MS - 31 * MINUTE, 1]);
  deepEqual(points[29], [START_MS - 30 * MINUTE, 0]);
  deepEqual(points[59], [START_MS, 0]);
});

test("nothing is asked of alerts from elsewhere or of several rules, and a query that fails is reported", async () => {
  const { options, problems } = await world();
  const elsewhere = { ...options, ruleOf: () => undefined };
  deepEqual(await alertContext(elsewhere, { labels: [] }, [down(0)], signal), {});
  const other = { ...down(1), labels: labelsFrom({ alertname: "Other", instance: "host-1" }) };
  deepEqual(await alertContext(options, { labels: [] }, [down(0), other], signal), {});
  deepEqual(await alertContext(options, { labels: [] }, [down(0, START_MS)], signal), {});
  const failing = {
    ...options,
    evaluate: async () => {
      throw new OperatingError("query.timeout", "too slow");
    },
  };
  deepEqual(await alertContext(failing, { labels: [] }, [down(0)], signal), {});
  match(problems.join(), /^finding out how many are affected: too slow$/);
});
