import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, type Rng, seededRng } from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import { RuleBook } from "../src/rule-book/rule-book.ts";
import type { RuleContent } from "../src/rule-book/stored-rule.ts";

const SEEDS = Number(process.env["SIM_SEED"] === undefined ? 300 : 1);
const FIRST_SEED = Number(process.env["SIM_SEED"] ?? 1);
const STEPS = 30;
const NAMES = ["a", "b", "c", "d"];

function content(name: string, expr: string): RuleContent {
  return {
    ...{ name, form: "prometheus", written: "", limit: 0, labels: [] },
    ...{ intervalMs: undefined, queryOffsetMs: undefined },
    rules: [
      {
        ...{ kind: "alert", name, expr, forMs: 0, keepFiringForMs: 0 },
        labels: [],
        annotations: [],
      },
    ],
  };
}

/** What the users were told: `name` to `expr`, and all versions by id. */
class Told {
  readonly rules = new Map<string, { readonly id: string; readonly expr: string }>();
  readonly versions = new Map<string, number>();
}

/** Two servers on one store, whose commits fail and whose processes die; everything acknowledged must be there. */
class Simulation {
  readonly #rng: Rng;
  readonly #clock = new SimClock(1_700_000_000_000);
  readonly #told = new Told();
  #store = new MemoryDocumentStore();
  #books: RuleBook[] = [];
  refused = 0;
  kills = 0;

  constructor(seed: number) {
    this.#rng = seededRng(seed);
  }

  async #open(): Promise<void> {
    // As long as one is open, its store is the one that the others look at.
    this.#store.beforeCommit = () => {
      if (this.#rng.chance(15)) throw new OperatingError("disk.full", "no space");
    };
    const options = { clock: this.#clock, store: this.#store, onChange() {}, onProblem() {} };
    this.#books = [await RuleBook.open(options), await RuleBook.open(options)];
  }

  async run(): Promise<void> {
    await this.#open();
    for (let step = 0; step < STEPS; step++) {
      if (this.#rng.chance(10)) {
        this.kills++;
        this.#store = this.#store.kill();
        await this.#open();
      }
      // Sometimes both at the same moment.
      const both = this.#rng.chance(30);
      const acts = this.#books.slice(0, both ? 2 : 1).map((book) => this.#act(book, step));
      await Promise.all(acts);
      if (this.#rng.chance(50)) this.#books.reverse();
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const book of this.#books) await this.#check(book);
    this.#store = this.#store.kill();
    await this.#open();
    for (const book of this.#books) await this.#check(book);
  }

  async #act(book: RuleBook, step: number): Promise<void> {
    const name = NAMES[this.#rng.below(NAMES.length)] as string;
    const expr = `up == ${step}${this.#rng.below(10)}`;
    const edit = { author: "sim", comment: "" };
    const kind = this.#rng.below(4);
    const known = book.named("rules", name);
    try {
      if (kind === 0 || known === undefined) {
        const [made] = await book.create("rules", [content(name, expr)], edit);
        ok(made !== undefined);
        this.#note(name, made.id, expr, made.version);
      } else if (kind === 1) {
        const made = await book.update(known.id, content(name, expr), edit);
        this.#note(name, made.id, expr, made.version);
      } else if (kind === 2) {
        await book.remove(known.id, { ...edit, version: known.version });
        this.#told.rules.delete(name);
        this.#told.versions.set(known.id, known.version + 1);
      } else {
        const made = await book.rollback(known.id, 1, edit);
        this.#note(name, made.id, made.content.rules[0]?.expr ?? "", made.version);
      }
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.refused++;
    }
  }

  /** Answers of two servers come in the order of their transactions. */
  #note(name: string, id: string, expr: string, version: number): void {
    this.#told.rules.set(name, { id, expr });
    this.#told.versions.set(id, version);
  }

  async #check(book: RuleBook): Promise<void> {
    const rules = book.list().map(({ content, id }) => [content.name, id, content.rules[0]?.expr]);
    const told = [...this.#told.rules].map(([name, { id, expr }]) => [name, id, expr]).sort();
    deepEqual(rules, told);
    for (const [id, version] of this.#told.versions) {
      const kept = await book.versions(id);
      deepEqual(
        kept.map(({ rule }) => rule.version),
        Array.from({ length: version }, (_, i) => version - i),
      );
    }
  }
}

test("what two servers acknowledged is there, whatever fails and dies", async () => {
  let [refused, kills] = [0, 0];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const simulation = new Simulation(seed);
    try {
      await simulation.run();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    refused += simulation.refused;
    kills += simulation.kills;
  }
  if (SEEDS === 1) return;
  ok(refused > SEEDS, "commits fail and names are taken");
  ok(kills > SEEDS, "processes die");
});
