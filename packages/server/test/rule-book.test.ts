import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import { RuleBook } from "../src/rule-book/rule-book.ts";
import {
  RULE_TEXT_LENGTH_MAX,
  RULE_VERSIONS_COLLECTION,
  RULE_VERSIONS_MAX,
} from "../src/rule-book/rule-draft.ts";
import type { RuleContent } from "../src/rule-book/stored-rule.ts";

const DEFAULTS = { evaluationIntervalMs: 15_000, ruleQueryOffsetMs: 0 };
const ME = { author: "ann", comment: "because" };

function content(name: string, expr = "up == 0"): RuleContent {
  return {
    ...{ name, form: "prometheus", written: "", limit: 0, labels: [] },
    ...{ intervalMs: undefined, queryOffsetMs: undefined },
    rules: [
      {
        ...{ kind: "alert", name, expr, forMs: 0, keepFiringForMs: 0 },
        labels: [["severity", "page"]],
        annotations: [],
      },
    ],
  };
}

class World {
  readonly clock = new SimClock(1_700_000_000_000);
  documents = new MemoryDocumentStore();
  readonly problems: string[] = [];
  changes = 0;

  open(): Promise<RuleBook> {
    return RuleBook.open({
      clock: this.clock,
      store: this.documents,
      onChange: () => void this.changes++,
      onProblem: (error, doing) => this.problems.push(`${doing}: ${error.message}`),
    });
  }
}

/** Lets every promise that can settle do so. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const names = (book: RuleBook): string[] => book.list().map(({ content }) => content.name);

async function created(book: RuleBook, name: string, expr?: string): Promise<string> {
  const [rule] = await book.create("rules", [content(name, expr)], ME);
  return rule?.id ?? "";
}

test("a rule is there when its creation resolves, and after the process was killed", async () => {
  const world = new World();
  const book = await world.open();
  const id = await created(book, "Down");
  equal(book.get(id)?.version, 1);
  equal(world.changes, 1);
  world.documents = world.documents.kill();
  await using next = await world.open();
  deepEqual(next.get(id), book.get(id));
  deepEqual(
    next.groups(DEFAULTS).map(({ file, name, intervalMs }) => ({ file, name, intervalMs })),
    [{ file: "api:rules", name: "Down", intervalMs: 15_000 }],
  );
});

test("a rule whose transaction fails is not there", async () => {
  const world = new World();
  await using book = await world.open();
  world.documents.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space");
  };
  await rejects(created(book, "Down"), { code: "disk.full" });
  deepEqual(names(book), []);
  world.documents.beforeCommit = () => {};
  await created(book, "Down");
  deepEqual(names(book), ["Down"]);
});

test("two servers on one store see each other's rules", async () => {
  const world = new World();
  await using one = await world.open();
  await using other = await world.open();
  const id = await created(one, "Down");
  await settled();
  deepEqual(names(other), ["Down"]);
  await other.update(id, content("Down", "up < 1"), { ...ME, version: 1 });
  await rejects(one.update(id, content("Down", "up < 2"), { ...ME, version: 1 }), {
    code: "conflict",
    message: 'rule "Down" has version 2, not 1: ann has changed it',
  });
  equal(one.get(id)?.content.rules[0]?.expr, "up < 1");
  await one.remove(id, ME);
  await settled();
  deepEqual(names(other), []);
});

test("two servers that change at the same moment agree", async () => {
  const world = new World();
  await using one = await world.open();
  await using other = await world.open();
  const results = await Promise.allSettled(
    [one, other, one, other].map((book, at) => created(book, `Rule${at % 2}`)),
  );
  equal(results.filter(({ status }) => status === "fulfilled").length, 2);
  await Promise.all([created(one, "A"), created(other, "B"), created(one, "C")]);
  await settled();
  deepEqual(names(one), ["A", "B", "C", "Rule0", "Rule1"]);
  deepEqual(one.list(), other.list());
});

test("every version is kept with its author, and an older one can be had back", async () => {
  const world = new World();
  await using book = await world.open();
  const id = await created(book, "Down", "up == 0");
  await book.update(id, content("Down", "up < 1"), { author: "bob", comment: "wider" });
  await book.setEnabled(id, false, ME);
  await book.setEnabled(id, false, ME);
  await book.rollback(id, 1, { author: "eve", comment: "" });
  deepEqual(
    (await book.versions(id)).map(
      ({ action, rule }) => `${rule.version} ${action} by ${rule.author}`,
    ),
    ["4 rolled back by eve", "3 disabled by ann", "2 updated by bob", "1 created by ann"],
  );
  const rule = book.get(id);
  equal(rule?.content.rules[0]?.expr, "up == 0");
  equal(rule?.enabled, true);
  await rejects(book.rollback(id, 9, ME), { code: "not_found" });
  deepEqual(Object.fromEntries(book.changeCounts), {
    ...{ created: 1, updated: 1, disabled: 1, "rolled back": 1 },
  });
});

test("a deleted rule can be had back, unless its name is taken", async () => {
  const world = new World();
  await using book = await world.open();
  const id = await created(book, "Down");
  await book.remove(id, ME);
  equal(book.get(id), undefined);
  const again = await created(book, "Down", "up < 1");
  await rejects(book.rollback(id, 1, ME), { code: "conflict" });
  await book.remove(again, ME);
  await book.rollback(id, 1, ME);
  equal(book.get(id)?.version, 3);
  deepEqual(names(book), ["Down"]);
});

test("a name is there once, and groups come all or none", async () => {
  const world = new World();
  await using book = await world.open();
  await created(book, "Down");
  await rejects(created(book, "Down"), { code: "conflict" });
  await rejects(book.create("rules", [content("New"), content("Down")], ME), { code: "conflict" });
  await rejects(book.create("rules", [content("New"), content("New")], ME), {
    code: "input.invalid",
  });
  deepEqual(names(book), ["Down"]);
  await book.create("other", [content("Down")], ME);
  deepEqual(names(book), ["Down", "Down"]);
  await rejects(created(book, "x".repeat(300)), { code: "input.invalid" });
});

test("a group that replaces takes the place of the one of its name", async () => {
  const world = new World();
  await using book = await world.open();
  const replace = { replace: true };
  const [first] = await book.create("team", [content("g", "a > 1")], ME, replace);
  const both = [content("g", "a > 2"), content("h")];
  const [second] = await book.create("team", both, ME, replace);
  equal(first?.id, second?.id);
  equal(second?.version, 2);
  equal(await book.removeNamespace("team", ME), 2);
  equal(await book.removeNamespace("team", ME), 0);
});

test("rules that are not enabled are not evaluated, and groups stay the same objects", async () => {
  const world = new World();
  await using book = await world.open();
  const id = await created(book, "A");
  await created(book, "B");
  const before = book.groups(DEFAULTS);
  await book.setEnabled(id, false, ME);
  const after = book.groups(DEFAULTS);
  deepEqual(
    after.map(({ name }) => name),
    ["B"],
  );
  ok(after[0] === before[1]);
});

test("a rule whose texts are too long is refused", async () => {
  const world = new World();
  await using book = await world.open();
  const [rule] = content("A").rules;
  if (rule?.kind !== "alert") throw new Error("no alerting rule");
  const sized = (length: number): RuleContent => ({
    ...content("A"),
    rules: [{ ...rule, annotations: [["a", "x".repeat(length)]] }],
  });
  const others = "A".length + rule.expr.length + "severity".length + "page".length + "a".length;
  await book.create("rules", [sized(RULE_TEXT_LENGTH_MAX - others)], ME);
  const tooLong = sized(RULE_TEXT_LENGTH_MAX - others + 1);
  await rejects(book.create("rules", [tooLong], ME, { replace: true }), {
    code: "input.too_large",
  });
  equal(book.list()[0]?.version, 1);
});

test("a rule keeps a limited number of versions", async () => {
  const world = new World();
  await using book = await world.open();
  const id = await created(book, "A");
  for (let i = 0; i < RULE_VERSIONS_MAX + 5; i++)
    await book.update(id, content("A", `up == ${i}`), ME);
  const kept = await world.documents.read((tx) =>
    tx.list(RULE_VERSIONS_COLLECTION, { limit: 5000 }),
  );
  equal(kept.length, RULE_VERSIONS_MAX);
  world.documents = world.documents.kill();
  await using next = await world.open();
  equal(next.get(id)?.version, RULE_VERSIONS_MAX + 6);
});

test("what rules were before a change of the last day is known after a restart", async () => {
  const world = new World();
  await using book = await world.open();
  const id = await created(book, "A", "up == 0");
  await created(book, "B");
  await world.clock.advance(48 * 3_600_000);
  await book.update(id, content("A", "up == 1"), ME);
  await book.remove(id, ME);
  world.documents = world.documents.kill();
  await using next = await world.open();
  const past = await next.past();
  deepEqual(
    past.map(({ rules }) => rules[0]?.expr),
    ["up == 1", "up == 1", "up == 0"],
  );
  await world.clock.advance(48 * 3_600_000);
  deepEqual(await next.past(), []);
});
