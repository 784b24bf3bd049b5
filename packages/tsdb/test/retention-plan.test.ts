import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { type Labels, labelsFrom } from "@pharos/base";
import fc from "fast-check";
import {
  type KeptBlock,
  planRetention,
  REWRITE_PART_MIN,
  type RetentionPlan,
  seriesExpired,
} from "../src/retention/retention-plan.ts";
import {
  keepOfRule,
  RETENTION_PRESETS,
  type RetentionPolicy,
  retentionPolicy,
  retentionRuleOf,
  STORAGE_TIERS,
  type StorageTier,
} from "../src/retention/retention-policy.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 1000 * DAY_MS;
const API = labelsFrom({ __name__: "requests", job: "api" });
const BATCH = labelsFrom({ __name__: "runs", job: "batch" });

/** The end of its range so many days ago, and what its series weigh. */
function block(tier: StorageTier, ageDays: number, sizes: readonly [Labels, number][]): KeptBlock {
  const rangeEndMs = NOW_MS - ageDays * DAY_MS;
  return {
    tier,
    path: `${tier}/${rangeEndMs}`,
    rangeStartMs: rangeEndMs - 7_200_000,
    rangeEndMs,
    size: sizes.reduce((sum, [, size]) => sum + size, 0),
    series: () => sizes.map(([labels, size]) => ({ labels, samples: size * 2, size })),
  };
}

const POLICY = retentionPolicy({
  preset: "widest",
  rawMs: undefined,
  rules: [
    { matchers: [{ type: "=", name: "job", value: "api" }], keepMs: { raw: 30 * DAY_MS } },
    { matchers: [{ type: "=~", name: "job", value: "api|batch" }], keepMs: { raw: DAY_MS } },
  ],
});

const pause = (): Promise<void> => Promise.resolve();

function plan(blocks: readonly KeptBlock[], sizeMax: number): Promise<RetentionPlan<KeptBlock>> {
  return planRetention(POLICY, NOW_MS, blocks, { sizeMax, count: true, pause });
}

test("the first rule that matches a series decides, and the preset where none does", () => {
  equal(retentionRuleOf(POLICY, API), 0);
  equal(retentionRuleOf(POLICY, BATCH), 1);
  const other = labelsFrom({ __name__: "other" });
  equal(retentionRuleOf(POLICY, other), -1);
  equal(keepOfRule(POLICY, -1).raw, 14 * DAY_MS);
  equal(keepOfRule(POLICY, 1)["1h"], 365 * DAY_MS);
});

test("an age for raw samples goes before the preset's, and a rule's before both", () => {
  const policy = retentionPolicy({
    preset: "s2",
    rawMs: 3 * DAY_MS,
    rules: [{ matchers: [], keepMs: { raw: DAY_MS } }],
  });
  equal(policy.fallback.raw, 3 * DAY_MS);
  equal(policy.fallback["5m"], 90 * DAY_MS);
  equal(policy.rules[0]?.keepMs.raw, DAY_MS);
});

test("each tier of every preset is kept at least as long as the finer ones that it keeps", () => {
  for (const [name, keepMs] of Object.entries(RETENTION_PRESETS)) {
    const kept = STORAGE_TIERS.map((tier) => keepMs[tier]).filter((ms) => ms > 0);
    deepEqual(
      kept,
      kept.toSorted((a, b) => a - b),
      name,
    );
    for (const tier of STORAGE_TIERS)
      if (tier !== "raw") ok(keepMs[tier] <= RETENTION_PRESETS.widest[tier], `${name} ${tier}`);
  }
});

test("a block goes when all its series have expired, and is written anew when a part has that matters", async () => {
  const whole = block("raw", 31, [
    [API, 100],
    [BATCH, 100],
  ]);
  const part = block("raw", 2, [
    [API, 100],
    [BATCH, 100],
  ]);
  const little = block("raw", 2, [
    [API, 100],
    [BATCH, 12],
  ]);
  const least = block("raw", 2, [
    [API, 100],
    [BATCH, 10],
  ]);
  const young = block("raw", 0.5, [[BATCH, 100]]);
  const planned = await plan([whole, part, little, least, young], 0);
  deepEqual(planned.remove, [whole]);
  deepEqual(planned.rewrite, [part, little]);
  deepEqual(planned.expired, [
    { tier: "raw", rule: 0, series: 1, samples: 200, size: 100 },
    { tier: "raw", rule: 1, series: 3, samples: 424, size: 212 },
  ]);
});

test("what is kept for ever never goes", async () => {
  const old = block("1d", 100_000, [[API, 100]]);
  deepEqual((await plan([old], 0)).remove, []);
});

test("beyond the size, the oldest raw blocks go first, and the coarse tiers last", async () => {
  const blocks = [
    block("1d", 400, [[API, 50]]),
    block("1h", 300, [[API, 50]]),
    block("raw", 1, [[API, 100]]),
    block("raw", 2, [[API, 100]]),
    block("raw", 0, [[API, 100]]),
  ];
  const [day, hour, middle, oldest, newest] = blocks;
  deepEqual((await plan(blocks, 400)).remove, []);
  deepEqual((await plan(blocks, 399)).remove, [oldest]);
  deepEqual((await plan(blocks, 99)).remove, [oldest, middle, newest, hour]);
  deepEqual((await plan(blocks, 1)).remove, [oldest, middle, newest, hour, day]);
});

const labelSets: readonly Labels[] = [API, BATCH, labelsFrom({ __name__: "x", job: "web" })];
const keeps = fc.constantFrom(0, DAY_MS, 3 * DAY_MS, 30 * DAY_MS, Number.POSITIVE_INFINITY);
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .tuple(
    fc.constantFrom("s0", "s1", "s2", "s3", "s4", "widest" as const),
    fc.array(
      fc.record({
        matchers: fc.constantFrom(
          [],
          [{ type: "=", name: "job", value: "api" } as const],
          [{ type: "!=", name: "job", value: "api" } as const],
        ),
        keepMs: fc.record({ raw: keeps, "1m": keeps }, { requiredKeys: [] }),
      }),
      { maxLength: 3 },
    ),
  )
  .map(([preset, rules]) =>
    retentionPolicy({ preset: preset as keyof typeof RETENTION_PRESETS, rawMs: undefined, rules }),
  );
const blocksOf = fc.array(
  fc
    .tuple(
      fc.constantFrom("raw", "1m", "1h" as const),
      fc.integer({ min: -1, max: 60 }),
      fc.array(fc.tuple(fc.constantFrom(...labelSets), fc.integer({ min: 1, max: 50 })), {
        minLength: 1,
        maxLength: 3,
      }),
    )
    .map(([tier, age, sizes]) => block(tier as StorageTier, age, sizes)),
  { maxLength: 8 },
);

test("what a plan counts by age is what expired in the blocks that it names, and nothing that is young", async () => {
  await fc.assert(
    fc.asyncProperty(policies, blocksOf, async (policy, blocks) => {
      const options = { sizeMax: 0, count: true, pause };
      const plan = await planRetention(policy, NOW_MS, blocks, options);
      const uncounted = await planRetention(policy, NOW_MS, blocks, { ...options, count: false });
      deepEqual(uncounted, { ...plan, expired: [] });
      let size = 0;
      for (const one of blocks) {
        const list = [...one.series()];
        const old = list.filter(({ labels }) => seriesExpired(policy, NOW_MS, one, labels));
        const oldSize = old.reduce((sum, series) => sum + series.size, 0);
        equal(plan.remove.includes(one), old.length === list.length);
        const pays = old.length < list.length && oldSize >= one.size * REWRITE_PART_MIN;
        equal(plan.rewrite.includes(one), pays && old.length > 0);
        if (plan.remove.includes(one) || plan.rewrite.includes(one)) size += oldSize;
      }
      equal(
        plan.expired.reduce((sum, count) => sum + count.size, 0),
        size,
      );
    }),
  );
});
