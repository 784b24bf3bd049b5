import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, type Labels, labelsFrom, matchesLabels } from "@pharos/base";
import fc from "fast-check";
import { parseMatchers } from "../../src/matching/parse-matchers.ts";
import {
  checkSilenceCount,
  expireSilence,
  SILENCE_LENGTH_MAX,
  SILENCE_MATCHERS_MAX,
  type SilenceDraft,
  setSilence,
  validateSilence,
} from "../../src/silence/edit-silence.ts";
import {
  isSilenceForgotten,
  SILENCE_RETENTION_MS,
  type Silence,
  silenceState,
} from "../../src/silence/silence.ts";
import { previewSilence, SilenceIndex } from "../../src/silence/silence-index.ts";
import { silenceFromJson, silenceToJson } from "../../src/silence/silence-json.ts";

const NOW_MS = Date.UTC(2026, 5, 1, 12);
const HOUR_MS = 3_600_000;

/** From `startsIn` to `endsIn` hours from now. */
function draft(
  matchers: string,
  startsIn: number,
  endsIn: number,
  more: Partial<SilenceDraft> = {},
): SilenceDraft {
  return {
    matchers: parseMatchers(matchers).matchers,
    startsAtMs: NOW_MS + startsIn * HOUR_MS,
    endsAtMs: NOW_MS + endsIn * HOUR_MS,
    createdBy: "ann",
    comment: "disks are exchanged",
    ...more,
  };
}

function silence(
  id: string,
  matchers: string,
  startsIn = -1,
  endsIn = 1,
  more: Partial<Silence> = {},
): Silence {
  return {
    annotations: {},
    updatedAtMs: NOW_MS,
    ...draft(matchers, startsIn, endsIn),
    ...more,
    id,
  };
}

const WEEKLY = { rrule: "FREQ=WEEKLY", durationMs: HOUR_MS, timeZone: "UTC" };

test("a silence is pending, active, then expired; its end does not belong to it", () => {
  const one = silence("x", "a=b", 0, 1);
  equal(silenceState(one, NOW_MS - 1), "pending");
  equal(silenceState(one, NOW_MS), "active");
  equal(silenceState(one, one.endsAtMs - 1), "active");
  equal(silenceState(one, one.endsAtMs), "expired");
  equal(isSilenceForgotten(one, one.endsAtMs + SILENCE_RETENTION_MS - 1), false);
  equal(isSilenceForgotten(one, one.endsAtMs + SILENCE_RETENTION_MS), true);
});

test("a recurring silence is pending between its windows", () => {
  const one = silence("x", "a=b", 0, 24 * 20, { recurrence: WEEKLY });
  equal(silenceState(one, NOW_MS + HOUR_MS - 1), "active");
  equal(silenceState(one, NOW_MS + HOUR_MS), "pending");
  equal(silenceState(one, NOW_MS + 7 * 24 * HOUR_MS), "active");
  // The last window begins on day 14; none comes in the six days that are left.
  equal(silenceState(one, NOW_MS + 15 * 24 * HOUR_MS), "expired");
});

const PROBLEMS: readonly (readonly [draft: SilenceDraft, problem: RegExp | undefined])[] = [
  [draft("a=b", 0, 1), undefined],
  [draft("a!=b", 0, 1), undefined],
  [draft('a="",b=c', 0, 1), undefined],
  [draft("a=b", -2, 0), undefined],
  [draft("", 0, 1), /^at least one matcher required$/],
  [draft('a=""', 0, 1), /^at least one matcher must not match the empty string$/],
  [draft('a=~".*",b=~"x|"', 0, 1), /must not match the empty string/],
  [draft("a=b", 1, 1), /^start time must be before end time$/],
  [draft("a=b", 2, 1), /^start time must be before end time$/],
  [draft("a=b", -2, -1), /^end time can't be in the past$/],
  [draft("a=b", Number.NaN, 1), /^invalid zero start timestamp$/],
  [draft("a=b", 0, Number.NaN), /^invalid zero end timestamp$/],
  [{ ...draft("", 0, 1), matchers: [createMatcher("=", "", "x")] }, /invalid label name ""/],
  [{ ...draft("", 0, 1), matchers: [createMatcher("=", "a", "\ud800")] }, /invalid label value/],
  [
    draft("a=b", 0, 1, { comment: "x".repeat(SILENCE_LENGTH_MAX) }),
    /^silence exceeded maximum size: \d+ characters \(limit: 65536\)$/,
  ],
  [
    draft(Array.from({ length: SILENCE_MATCHERS_MAX + 1 }, (_, i) => `a${i}=b`).join(), 0, 1),
    /^101 matchers; at most 100/,
  ],
  [draft("a=b", 0, 1, { recurrence: WEEKLY }), undefined],
  [
    draft("a=b", 0, 1, { recurrence: { ...WEEKLY, timeZone: "Mars/Olympus" } }),
    /^timeZone "Mars\/Olympus" is not known; expected/,
  ],
];

test("a draft is refused for what Alertmanager refuses, and in its words", () => {
  for (const [given, problem] of PROBLEMS) {
    const found = validateSilence(given, NOW_MS);
    if (problem === undefined) equal(found, undefined);
    else match(found ?? "nothing", problem);
  }
  checkSilenceCount(9, 10);
  throws(() => checkSilenceCount(10, 10), /exceeded maximum number of silences: 10 \(limit: 10\)/);
});

test("a new silence does not begin in the past", () => {
  const { silence: made, replaced } = setSilence(undefined, draft("a=b", -3, 1), NOW_MS, "new");
  deepEqual(
    [made.id, made.startsAtMs, made.updatedAtMs, replaced],
    ["new", NOW_MS, NOW_MS, undefined],
  );
  const recurring = draft("a=b", -3, 1, { recurrence: WEEKLY });
  equal(setSilence(undefined, recurring, NOW_MS, "new").silence.startsAtMs, recurring.startsAtMs);
});

/** What becomes of a silence from -1 h to 1 h when a draft replaces it: which id stands, and whether one was ended. */
function edit(before: Silence, change: SilenceDraft): string {
  const { silence: after, replaced } = setSilence(before, change, NOW_MS, "new");
  if (replaced !== undefined) equal(silenceState(replaced, NOW_MS), "expired");
  return `${after.id}${replaced === undefined ? "" : ` ended ${replaced.id}`}`;
}

test("a silence is changed in place unless that would change what was", () => {
  const active = silence("old", "a=b,c=d");
  equal(edit(active, draft("a=b,c=d", -1, 5, { comment: "longer" })), "old");
  equal(edit(active, draft("c=d,a=b", -1, 0)), "old");
  equal(edit(active, draft("a=b,c=d", -0.5, 5)), "new ended old", "it has begun already");
  equal(edit(active, draft("a=b", -1, 5)), "new ended old", "other matchers");
  equal(edit(active, draft("a=b,c=d", -1, 5, { recurrence: WEEKLY })), "new ended old");

  const pending = silence("old", "a=b", 1, 2);
  equal(edit(pending, draft("a=b", 0.5, 9)), "old");
  equal(edit(pending, draft("a=b", -0.5, 9)), "new ended old");
  equal(edit(pending, draft("a=x", 1, 2)), "new ended old");

  const expired = silence("old", "a=b", -2, -1);
  equal(edit(expired, draft("a=b", -2, 3)), "new", "an expired one stays as it is");
});

test("a start that differs by less than a second is the same: clients cut it", () => {
  const active = silence("old", "a=b", 0, 5, { startsAtMs: NOW_MS - 999 });
  equal(edit(active, draft("a=b", 0, 5, { startsAtMs: NOW_MS - 1000 })), "old");
});

test("to expire a silence ends it now, whether it has begun or not", () => {
  const active = expireSilence(silence("x", "a=b"), NOW_MS);
  deepEqual([active?.startsAtMs, active?.endsAtMs], [NOW_MS - HOUR_MS, NOW_MS]);
  const pending = expireSilence(silence("x", "a=b", 1, 2), NOW_MS);
  deepEqual([pending?.startsAtMs, pending?.endsAtMs], [NOW_MS, NOW_MS]);
  equal(expireSilence(silence("x", "a=b", -2, -1), NOW_MS), undefined);
});

test("a silence reads back from what it is kept as", () => {
  for (const one of [
    silence("x", 'a=b,c!="d",e=~"f|g",h!~"i"', 0, 1, {
      annotations: { ticket: "OPS-1", ["__proto__"]: "p" },
    }),
    silence("y", "a=b", 0, 9, { recurrence: WEEKLY }),
  ]) {
    const back = silenceFromJson(JSON.parse(JSON.stringify(silenceToJson(one))));
    const plain = (kept: Silence) => ({
      ...kept,
      matchers: kept.matchers.map(({ name, type, value }) => [name, type, value]),
    });
    deepEqual(plain(back), plain(one));
    ok(matchesLabels(back.matchers, labelsFrom({ a: "b", e: "f" })), "the matchers work");
  }
  throws(() => silenceFromJson({ version: 1, id: 7 }), /disk|stored silence/);
});

test("the index says who hides an alert now, and follows changes", () => {
  const index = new SilenceIndex([
    silence("b", "a=1"),
    silence("a", "c=~x|y"),
    silence("later", "a=1", 1, 2),
  ]);
  const labels = labelsFrom({ a: "1", c: "y" });
  deepEqual(index.silencedBy(labels, NOW_MS), ["a", "b"]);
  deepEqual(index.silencedBy(labels, NOW_MS + HOUR_MS), ["later"]);
  deepEqual(index.silencedBy(labelsFrom({ a: "2" }), NOW_MS), []);
  deepEqual(
    index
      .matching(labels)
      .map(({ id }) => id)
      .sort(),
    ["a", "b", "later"],
  );
  const kept = index.get("b");
  ok(kept !== undefined);
  index.set(expireSilence(kept, NOW_MS) ?? kept);
  deepEqual(index.silencedBy(labels, NOW_MS), ["a"], "the same labels are asked about again");
  index.set(silence("c", "a=1"));
  deepEqual(index.silencedBy(labels, NOW_MS), ["a", "c"]);
  index.set(silence("c", "a=2"));
  index.delete("a");
  deepEqual(index.silencedBy(labels, NOW_MS), []);
  equal(index.size, 3);
});

test("a recurring silence hides in its windows, though the clock go forward or back", () => {
  const index = new SilenceIndex([silence("w", "a=1", 0, 24 * 30, { recurrence: WEEKLY })]);
  const labels = labelsFrom({ a: "1" });
  const isHidden = (hours: number) => index.silencedBy(labels, NOW_MS + hours * HOUR_MS).length > 0;
  const week = 7 * 24;
  deepEqual(
    [-1, 0, 0.99, 1, week, week + 1, 0.5, 2, 5 * week, 4 * week, week - 0.01].map(isHidden),
    [false, true, true, false, true, false, true, false, false, true, false],
  );
});

test("a preview names the alerts that a silence would hide", () => {
  const alerts = [{ labels: labelsFrom({ a: "1" }) }, { labels: labelsFrom({ a: "2" }) }];
  deepEqual(previewSilence(draft("a=~1|3", 5, 6), alerts), [alerts[0]]);
});

const value = fc.constantFrom("", "1", "2", "3");
const labelsArb = fc.record({ a: value, b: value }).map((labels) => labelsFrom(labels));
const matchersArb = fc
  .array(
    fc
      .tuple(
        fc.constantFrom("a", "b", "c"),
        fc.constantFrom("=", "!=", "=~", "!~"),
        fc.constantFrom("1", "", "1|2", "1|", ".+"),
      )
      .map((parts) => `${parts[0]}${parts[1]}"${parts[2]}"`),
    { minLength: 1, maxLength: 3 },
  )
  .map((texts) => texts.join(","));

test("after any changes, the index answers as asking each silence would", () => {
  const change = fc.record({
    id: fc.constantFrom("p", "q", "r", "s", "t"),
    matchers: matchersArb,
    startsIn: fc.integer({ min: -2, max: 1 }),
    isDeleted: fc.boolean(),
  });
  let hidden = 0;
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 12 }),
      fc.array(labelsArb, { maxLength: 6 }),
      (changes, asked) => {
        const index = new SilenceIndex();
        const silences = new Map<string, Silence>();
        for (const { id, matchers, startsIn, isDeleted } of changes) {
          const one = silence(id, matchers, startsIn, startsIn + 2);
          if (isDeleted) {
            index.delete(id);
            silences.delete(id);
          } else {
            index.set(one);
            silences.set(id, one);
          }
          for (const labels of asked) {
            const expected = [...silences.values()].filter((each) => hides(each, labels));
            deepEqual(index.silencedBy(labels, NOW_MS), expected.map((each) => each.id).sort());
            hidden += expected.length;
          }
        }
      },
    ),
    { numRuns: 300 },
  );
  ok(hidden > 100, "some alerts are hidden");
});

function hides({ matchers, startsAtMs, endsAtMs }: Silence, labels: Labels): boolean {
  return startsAtMs <= NOW_MS && NOW_MS < endsAtMs && matchesLabels(matchers, labels);
}
