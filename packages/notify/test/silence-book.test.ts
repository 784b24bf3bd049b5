import { deepEqual, equal, notEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Silence, SilenceDraft } from "@pharos/alert";
import { createMatcher, labelsFrom, OperatingError } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import fc from "fast-check";
import { SilenceBook, type SilenceBookOptions } from "../src/silences/silence-book.ts";
import { SILENCE_COLLECTION } from "../src/silences/silence-documents.ts";

const START_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const WEB = labelsFrom({ alertname: "Down", team: "web" });

/** Books of one or several servers, and what went wrong in them. */
class World {
  readonly clock = new SimClock(START_MS);
  readonly problems: string[] = [];
  #ids = 0;

  open(store: DocumentStore, change: Partial<SilenceBookOptions> = {}): Promise<SilenceBook> {
    return SilenceBook.open({
      store,
      clock: this.clock,
      newId: () => `silence-${++this.#ids}`,
      onProblem: (error, doing) => this.problems.push(`${doing}: ${error.code}`),
      ...change,
    });
  }

  draft(change: Partial<SilenceDraft> = {}): SilenceDraft {
    const startsAtMs = this.clock.nowMs();
    return {
      matchers: [createMatcher("=", "team", "web")],
      startsAtMs,
      endsAtMs: startsAtMs + HOUR_MS,
      createdBy: "ann",
      comment: "maintenance",
      ...change,
    };
  }

  /** Time that passes for everything that waits. */
  pass(ms: number): Promise<void> {
    return this.clock.run(this.clock.sleep(ms, new AbortController().signal));
  }
}

/** What a book knows, in an order that does not depend on how it came to know it. */
function known(book: SilenceBook): readonly Silence[] {
  return [...book.list()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

test("a silence holds from when its promise resolves until it ends", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  const { id } = await book.set(world.draft());
  deepEqual(book.silencedBy(WEB, START_MS), [id]);
  deepEqual(book.silencedBy(labelsFrom({ team: "db" }), START_MS), []);
  deepEqual(book.silencedBy(WEB, START_MS + HOUR_MS - 1), [id]);
  deepEqual(book.silencedBy(WEB, START_MS + HOUR_MS), []);
});

test("what was acknowledged is there after a crash", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using book = await world.open(store);
  const first = await book.set(world.draft({ comment: "first" }));
  await book.set(world.draft({ comment: "second", annotations: { ticket: "OPS-1" } }));
  await book.expire(first.id);
  await using next = await world.open(store.kill());
  deepEqual(known(next), known(book));
  equal(next.get(first.id)?.endsAtMs, START_MS);
});

test("a silence that could not be kept does not hold", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using book = await world.open(store);
  store.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space");
  };
  await rejects(book.set(world.draft()), { code: "disk.full" });
  deepEqual(book.silencedBy(WEB, START_MS), []);
  deepEqual(known(book), []);
});

test("a changed comment keeps the id; changed matchers end the silence and make another", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  const { id } = await book.set(world.draft());
  await world.pass(60_000);
  const edited = world.draft({ id, startsAtMs: START_MS, comment: "takes longer" });
  equal((await book.set(edited)).id, id);
  equal(book.get(id)?.comment, "takes longer");
  equal(book.get(id)?.startsAtMs, START_MS);
  const other = await book.set({ ...edited, matchers: [createMatcher("=", "team", "db")] });
  notEqual(other.id, id);
  equal(book.get(id)?.endsAtMs, START_MS + 60_000);
  deepEqual(book.silencedBy(WEB, world.clock.nowMs()), []);
});

test("what cannot be a silence is refused with the reason, and nothing changes", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using book = await world.open(store, { countMax: 1 });
  await rejects(book.set(world.draft({ id: "nobody's" })), {
    code: "not_found",
    message: "silence not found",
  });
  await rejects(book.set(world.draft({ matchers: [] })), {
    code: "input.invalid",
    message: "at least one matcher required",
  });
  await rejects(book.expire("nobody's"), { code: "not_found" });
  const { id } = await book.set(world.draft());
  await rejects(book.set(world.draft()), { code: "queue.full" });
  equal((await book.set(world.draft({ id, comment: "changed" }))).comment, "changed");
  equal(book.size, 1);
});

test("a silence that is over stays as it is when it is ended again", async () => {
  const world = new World();
  await using book = await world.open(new MemoryDocumentStore());
  const { id } = await book.set(world.draft());
  const expired = await book.expire(id);
  await world.pass(1000);
  deepEqual(await book.expire(id), expired);
});

test("other servers on the same store follow, and are told that something changed", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  let changes = 0;
  await using one = await world.open(store);
  await using two = await world.open(store, { onChange: () => changes++ });
  const { id } = await one.set(world.draft());
  await world.pass(2000);
  deepEqual(two.silencedBy(WEB, world.clock.nowMs()), [id]);
  equal(changes, 1);
  await two.expire(id);
  await world.pass(2000);
  deepEqual(one.silencedBy(WEB, world.clock.nowMs()), []);
});

test("a silence that another server has just made is found, and can be changed at once", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  // Hears of nothing by itself.
  const deaf = Object.assign(Object.create(store) as DocumentStore, {
    shared: true,
    transaction: store.transaction.bind(store),
    read: store.read.bind(store),
    watch: () => ({ [Symbol.dispose]: () => {} }),
  });
  await using one = await world.open(store);
  await using two = await world.open(deaf);
  const { id } = await one.set(world.draft());
  equal(two.get(id), undefined);
  deepEqual(await two.find(id), one.get(id));
  const late = await one.set(world.draft());
  equal((await two.expire(late.id)).endsAtMs, START_MS);
});

test("what is over for the retention is forgotten, here and in the store, and changes are followed on", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using one = await world.open(store, { retentionMs: HOUR_MS });
  await using two = await world.open(store, { retentionMs: HOUR_MS });
  const { id } = await one.set(world.draft());
  const idsKept = (): Promise<readonly string[]> =>
    store.read(async (tx) => {
      const documents = await tx.list(SILENCE_COLLECTION, { limit: 10 });
      return documents.map((document) => document.id);
    });
  await world.pass(2 * HOUR_MS - 1);
  deepEqual(await idsKept(), [id]);
  await world.pass(HOUR_MS / 2);
  deepEqual(await idsKept(), []);
  deepEqual([one.size, two.size], [0, 0]);
  const next = await one.set(world.draft());
  await world.pass(2000);
  deepEqual(known(two), [next]);
});

test("a damaged silence is reported, and the others hold", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  {
    await using book = await world.open(store);
    await book.set(world.draft());
    await store.transaction((tx) =>
      tx.put(SILENCE_COLLECTION, { id: "damaged", body: { version: 1 }, sortKey: START_MS - 1 }),
    );
  }
  await using book = await world.open(store);
  deepEqual(world.problems, ["reading a silence: disk.corrupt"]);
  equal(book.size, 1);
});

test("a store that fails while changes are read is asked again", async () => {
  const world = new World();
  const store = new MemoryDocumentStore();
  await using one = await world.open(store);
  let fails = false;
  const failing = Object.assign(Object.create(store) as DocumentStore, {
    shared: true,
    transaction: store.transaction.bind(store),
    read: (work: Parameters<DocumentStore["read"]>[0]) =>
      fails ? Promise.reject(new OperatingError("database.unavailable", "gone")) : store.read(work),
    watch: store.watch.bind(store),
  });
  await using two = await world.open(failing);
  fails = true;
  const { id } = await one.set(world.draft());
  await world.pass(4000);
  deepEqual(two.silencedBy(WEB, world.clock.nowMs()), []);
  fails = false;
  await world.pass(4000);
  deepEqual(two.silencedBy(WEB, world.clock.nowMs()), [id]);
  deepEqual(world.problems, ["reading changed silences: database.unavailable"]);
});

test("whatever two servers do, both know what the store holds", async () => {
  const step = fc.record({
    server: fc.nat(1),
    does: fc.constantFrom("set", "edit", "expire", "wait"),
    which: fc.nat(5),
    team: fc.constantFrom("web", "db"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const world = new World();
      const store = new MemoryDocumentStore();
      await using one = await world.open(store);
      await using two = await world.open(store);
      const ids: string[] = [];
      for (const { server, does, which, team } of steps) {
        const book = server === 0 ? one : two;
        const id = ids[which % Math.max(1, ids.length)];
        const matchers = [createMatcher("=", "team", team)];
        if (does === "wait") await world.pass(which * 1000);
        else if (does === "expire" && id !== undefined) await book.expire(id);
        else {
          const draft = world.draft({ matchers });
          const edited = does === "edit" && id !== undefined ? { ...draft, id } : draft;
          ids.push((await book.set(edited)).id);
        }
      }
      await world.pass(2000);
      await using fresh = await world.open(store);
      deepEqual(known(one), known(fresh));
      deepEqual(known(two), known(fresh));
      deepEqual(world.problems, []);
    }),
    { numRuns: 60 },
  );
});
