import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { fingerprint, type Incident, isLive, type ObservedAlert } from "@pharos/alert";
import { createMatcher, labelsFrom, OperatingError } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import fc from "fast-check";
import { IncidentArchive } from "../src/incidents/incident-archive.ts";
import { IncidentBook, type IncidentBookOptions } from "../src/incidents/incident-book.ts";
import { IncidentFollower } from "../src/incidents/incident-follower.ts";

const START_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const EVER = { minMs: 0, maxMs: Number.MAX_SAFE_INTEGER, limit: 100 };

/** A book as the dispatcher and people use it. */
class World {
  readonly clock = new SimClock(START_MS);
  readonly problems: string[] = [];
  /** What the dispatcher knows, by group. */
  readonly groups = new Map<string, ObservedAlert[]>();

  async open(store: DocumentStore, change: Partial<IncidentBookOptions> = {}) {
    const book = await IncidentBook.open({
      store,
      clock: this.clock,
      currentAlerts: (groupId) => this.groups.get(groupId),
      onProblem: (error, doing) => this.problems.push(`${doing}: ${error.code}`),
      ...change,
    });
    const archive = new IncidentArchive({ store, onProblem: () => {} });
    return Object.assign(book, { archive, follower: new IncidentFollower(book) });
  }

  alert(name: string, endsAtMs: number | null = null, labels: Record<string, string> = {}) {
    return {
      labels: labelsFrom({ alertname: name, severity: "critical", ...labels }),
      annotations: [["summary", `${name} is bad`]] as const,
      startsAtMs: this.clock.nowMs(),
      endsAtMs,
      generatorUrl: "",
    };
  }

  /** The dispatcher hears of alerts of the group `id`. */
  see(follower: IncidentFollower, id: string, alerts: readonly ObservedAlert[]): void {
    const known = this.groups.get(id) ?? [];
    this.groups.set(id, [...known, ...alerts]);
    const group = { id, key: `{}:{${id}}`, receiver: "team", labels: labelsFrom({ group: id }) };
    follower.alertsSeen(group, alerts, this.clock.nowMs());
  }

  fire(follower: IncidentFollower, id: string, ...names: string[]): void {
    this.see(
      follower,
      id,
      names.map((name) => ({ alert: this.alert(name) })),
    );
  }

  resolve(follower: IncidentFollower, id: string, ...names: string[]): void {
    const endsAtMs = this.clock.nowMs();
    this.see(
      follower,
      id,
      names.map((name) => ({ alert: this.alert(name, endsAtMs) })),
    );
  }
}

const ACK = { kind: "acknowledge", by: "ann", comment: "on it", untilMs: null } as const;

function only(book: IncidentBook): Incident {
  const [incident, ...others] = book.live();
  ok(incident !== undefined && others.length === 0, `${book.live().length} incidents`);
  return incident;
}

function expect(code: string) {
  return (error: unknown) => error instanceof OperatingError && error.code === code;
}

test("an incident that was told of is there after a crash, with all that happened to it", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  const book = await world.open(store);
  world.fire(book.follower, "g", "Down");
  await book.settled();
  await book.act(only(book).id, ACK);

  const after = await world.open(store.kill());
  equal(only(after).status, "acknowledged");
  const { items } = await after.archive.timeline(only(after).id, { limit: 10 });
  deepEqual(
    items.map(({ sequence, kind, status }) => `${sequence} ${kind} ${status}`),
    ["2 acknowledged acknowledged", "1 opened firing"],
  );
  equal(items[0]?.detail["by"], "ann");
});

test("alerts that resolve end the incident, and it stays in the archive", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using book = await world.open(store);
  world.fire(book.follower, "g", "Down");
  world.resolve(book.follower, "g", "Down");
  await book.settled();
  deepEqual(book.live(), []);
  const { items } = await book.archive.list(EVER);
  deepEqual(
    items.map(({ status }) => status),
    ["resolved"],
  );
});

test("an acknowledgement that could not be kept is refused, and holds nothing", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using book = await world.open(store);
  world.fire(book.follower, "g", "Down");
  await book.settled();
  store.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space left");
  };
  const { id } = only(book);
  await rejects(book.act(id, ACK), expect("disk.full"));
  store.beforeCommit = () => {};
  equal(only(book).status, "firing");
  equal(
    book.follower.heldBecause("g", "0", world.alert("Down").labels, world.clock.nowMs()),
    undefined,
  );
});

test("while the store fails incidents are opened all the same, and kept when it works again", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using book = await world.open(store);
  store.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space left");
  };
  world.fire(book.follower, "g", "Down");
  await book.settled();
  const { id } = only(book);
  equal(await book.archive.get(id), undefined);
  deepEqual(world.problems, ["keeping incidents: disk.full"]);

  store.beforeCommit = () => {};
  await world.clock.advance(10_000);
  equal((await book.archive.get(id))?.status, "firing");
  equal(only(book).transitionCount, 1, "and was not opened twice");
});

test("an acknowledgement runs out by itself, and listeners hear of it", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  const heard: string[] = [];
  using _listening = book.listen((incident, transitions) => {
    for (const { kind } of transitions) heard.push(`${kind} ${incident.status}`);
  });
  world.fire(book.follower, "g", "Down");
  await book.settled();
  await book.act(only(book).id, { ...ACK, untilMs: world.clock.nowMs() + 5 * MINUTE_MS });
  await world.clock.advance(5 * MINUTE_MS - 1);
  equal(only(book).status, "acknowledged");
  await world.clock.advance(1);
  equal(only(book).status, "firing");
  deepEqual(heard, [
    "opened firing",
    "acknowledged acknowledged",
    "acknowledgement_expired firing",
  ]);
});

test("what is acknowledged is held until then; an alert of another kind is not", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  world.fire(book.follower, "g", "Down");
  await book.settled();
  await book.act(only(book).id, ACK);
  const held = (name: string) =>
    book.follower.heldBecause("g", "0", world.alert(name).labels, world.clock.nowMs());
  equal(held("Down"), "acknowledged");
  equal(held("Slow"), undefined);
  world.fire(book.follower, "g", "Slow");
  await book.settled();
  equal(only(book).status, "firing", "reopened");
});

test("an alert that goes on and off is held for those who want it so, and for nobody else", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  for (let i = 0; i < 4; i++) {
    world.fire(book.follower, "g", "Down");
    await world.clock.advance(1000);
    world.resolve(book.follower, "g", "Down");
    await world.clock.advance(1000);
  }
  world.fire(book.follower, "g", "Down");
  await book.settled();
  equal(only(book).flapping, true);
  await world.clock.advance(6 * MINUTE_MS);
  const { labels } = world.alert("Down");
  const held = (holdFlapping: boolean) =>
    new IncidentFollower(book, holdFlapping).heldBecause(
      "g",
      fingerprint(labels),
      labels,
      world.clock.nowMs(),
    );
  equal(held(true), "flapping");
  equal(held(false), undefined);
  await world.clock.advance(5 * MINUTE_MS);
  equal(held(true), undefined, "it is stable, and fires");
  equal(only(book).status, "firing");
});

test("an incident that is over cannot be acknowledged, one that never was is not found", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  world.fire(book.follower, "g", "Down");
  await book.settled();
  const { id } = only(book);
  await rejects(book.act(id, { ...ACK, kind: "unacknowledge" }), expect("conflict"));
  await book.act(id, { ...ACK, kind: "resolve" });
  await rejects(book.act(id, ACK), expect("conflict"));
  await rejects(book.act("0000000000000000", ACK), expect("not_found"));
});

test("all that match are acknowledged at once, each as a whole", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  world.fire(book.follower, "a", "Down", "Slow");
  world.fire(book.follower, "b", "Down");
  world.fire(book.follower, "c", "Full");
  await book.settled();
  const done = await book.acknowledgeMatching([createMatcher("=", "alertname", "Down")], ACK);
  deepEqual(done.map(({ group }) => group.id).sort(), ["a", "b"]);
  deepEqual(
    book
      .live()
      .map(({ group, status }) => `${group.id} ${status}`)
      .sort(),
    ["a acknowledged", "b acknowledged", "c firing"],
  );
});

test("an alert that comes to another group by a reload stays acknowledged", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  world.fire(book.follower, "old", "Down");
  await book.settled();
  await book.act(only(book).id, ACK);
  book.follower.regrouped(["old"], world.clock.nowMs());
  world.groups.delete("old");
  world.fire(book.follower, "new", "Down");
  await book.settled();
  equal(only(book).group.id, "new");
  equal(only(book).status, "acknowledged");
});

test("a crash that loses an end is made good: a group that nobody knows any more is over", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  const before = await world.open(store);
  world.fire(before.follower, "g", "Down");
  await before.settled();

  world.groups.delete("g");
  await using book = await world.open(store.kill());
  equal(book.live().length, 1);
  await world.clock.advance(3 * MINUTE_MS);
  deepEqual(book.live(), []);
  const { items } = await book.archive.list(EVER);
  equal(items[0]?.status, "resolved");
});

test("a damaged document is reported, and hides no other", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await store.transaction((tx) =>
    tx.put("incidents", { id: "bad", body: { version: 1 }, sortKey: 1, tags: ["live"] }),
  );
  await using book = await world.open(store);
  deepEqual(world.problems, ["reading an incident: disk.corrupt"]);
  world.fire(book.follower, "g", "Down");
  await book.settled();
  equal((await book.archive.list(EVER)).items.length, 1);
});

/** A store that two servers have, as far as they know. */
function sharedStore(): DocumentStore & { readonly shared: boolean } {
  const store = new MemoryDocumentStore();
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "shared") return true;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("two servers on one store open an incident once, and know each other's acknowledgements", async () => {
  const world = new World();
  const store = sharedStore();
  await using one = await world.open(store);
  await using two = await world.open(store);
  world.fire(one.follower, "g", "Down");
  world.fire(two.follower, "g", "Down");
  await one.settled();
  await two.settled();
  equal(only(one).id, only(two).id);
  equal((await one.archive.list(EVER)).items.length, 1);

  await one.act(only(one).id, ACK);
  await world.clock.advance(3000);
  equal(only(two).status, "acknowledged");
  world.fire(two.follower, "g", "Down");
  await two.settled();
  equal((await two.archive.get(only(two).id))?.status, "acknowledged", "it is not forgotten");
});

test("incidents are found by status, rule, receiver, labels and time, a page at a time", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  for (let i = 0; i < 30; i++) {
    const instances = i === 7 ? 40 : 2;
    const alerts = Array.from({ length: instances }, (_, n) => ({
      alert: world.alert(i % 2 === 0 ? "Down" : "Slow", null, { instance: `${n}`, zone: `z${i}` }),
    }));
    world.see(book.follower, `g${i}`, alerts);
    await world.clock.advance(1000);
  }
  await book.settled();
  const zones = async (query: object): Promise<string[]> => {
    const found: string[] = [];
    let after: { sortKey: number; id: string } | undefined;
    do {
      const page = await book.archive.list({
        ...EVER,
        limit: 4,
        ...query,
        ...(after === undefined ? {} : { after }),
      });
      found.push(...page.items.map(({ group }) => group.id));
      after = page.next;
    } while (after !== undefined);
    return found;
  };
  const all = Array.from({ length: 30 }, (_, i) => `g${29 - i}`);
  deepEqual(await zones({}), all);
  deepEqual(
    await zones({ rule: "Slow" }),
    all.filter((id) => Number(id.slice(1)) % 2 === 1),
  );
  deepEqual(await zones({ status: "resolved" }), []);
  deepEqual(await zones({ receiver: "nobody" }), []);
  const matching = (...pairs: [string, string][]) => ({
    matcherLists: [pairs.map(([name, value]) => createMatcher("=", name, value))],
  });
  deepEqual(await zones(matching(["zone", "z3"])), ["g3"]);
  deepEqual(await zones(matching(["instance", "39"])), ["g7"], "one of many values");
  deepEqual(await zones(matching(["instance", "1"])), all, "some with few values, one with many");
  deepEqual(
    await zones({ minMs: START_MS + 5000, maxMs: START_MS + 7999 }),
    ["g7", "g6", "g5"],
    "when they were opened",
  );
});

test("whatever the store refuses and whenever the process dies: what was acknowledged stays so", async () => {
  const act = fc.constantFrom("fire a", "fire b", "end a", "end b", "ack", "crash", "fail", "wait");
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (script) => {
      const world = new World();
      let store = new MemoryDocumentStore();
      let book = await world.open(store);
      let acknowledged: string | undefined;
      for (const token of script) {
        const [verb, name = ""] = token.split(" ");
        if (verb === "fire") world.fire(book.follower, "g", name);
        if (verb === "end") world.resolve(book.follower, "g", name);
        if (verb === "crash") {
          store = store.kill();
          await book[Symbol.asyncDispose]();
          book = await world.open(store);
        }
        if (verb === "fail") {
          let failures = 2;
          store.beforeCommit = () => {
            if (failures-- > 0) throw new OperatingError("disk.failed", "try again");
          };
        }
        if (verb === "wait") await world.clock.advance(7000);
        if (verb === "ack") {
          await book.settled();
          const open = book.live().find(({ status }) => status !== "resolved");
          if (open === undefined) continue;
          try {
            acknowledged = (await book.act(open.id, ACK)).id;
          } catch (error) {
            if (!(error instanceof OperatingError)) throw error;
          }
        }
        if (acknowledged === undefined) continue;
        const kept = await book.archive.get(acknowledged);
        ok(
          kept !== undefined && kept.acknowledgement?.by === "ann",
          "the acknowledgement is there",
        );
      }
      store.beforeCommit = () => {};
      await world.clock.advance(10_000);
      await book.settled();
      for (const incident of book.live())
        deepEqual(await book.archive.get(incident.id), incident, "memory is what is kept");
      ok(book.live().every(isLive));
      await book[Symbol.asyncDispose]();
    }),
    { numRuns: 60 },
  );
});

test("whoever acknowledges what senders go on to send does not end it", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using book = await world.open(store);
  // As Prometheus sends them: an end that is put off with every minute.
  const hear = async (): Promise<void> => {
    const alert = world.alert("Slow", world.clock.nowMs() + 4 * MINUTE_MS);
    world.groups.set("db", []);
    world.see(book.follower, "db", [{ alert: { ...alert, startsAtMs: START_MS } }]);
    await book.settled();
  };
  await hear();
  for (let minute = 0; minute < 10; minute++) {
    await world.clock.advance(MINUTE_MS);
    await hear();
  }
  const id = book.ofGroup("db")?.id ?? "";
  const untilMs = world.clock.nowMs() + 60 * MINUTE_MS;
  const said = { by: "ann", comment: "", untilMs };
  equal((await book.act(id, { kind: "acknowledge", ...said })).status, "acknowledged");
  equal(book.ofGroup("db")?.id, id);
});

test("a start long after senders were heard last does not end what may still fire", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  {
    await using book = await world.open(store);
    const alert = world.alert("Slow", world.clock.nowMs() + 4 * MINUTE_MS);
    world.see(book.follower, "db", [{ alert }]);
    await book.settled();
  }
  world.groups.clear(); // The dispatcher is not there yet.
  await world.clock.advance(30 * MINUTE_MS);
  await using book = await world.open(store.kill());
  await book.settled();
  equal(book.ofGroup("db")?.status, "firing");
  await world.clock.advance(3 * MINUTE_MS);
  await book.settled();
  equal(book.ofGroup("db"), undefined, "nobody knows the group: it is over");
});
