import { ok } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, type Rng, seededRng } from "@pharos/base";
import { MemoryDocumentStore } from "@pharos/testing";
import type { Dispatcher, OutgoingNotification } from "../src/index.ts";
import { config, ms, nameOf, rejected, Scenario, said, unavailable, webhook } from "./scenario.ts";

// A failing run names its seed; `SIM_SEED=<seed> node --test <this file>` replays exactly that run.
const { SIM_SEED } = process.env;
const seeds =
  SIM_SEED === undefined ? Array.from({ length: 150 }, (_, i) => i) : [Number(SIM_SEED)];

const NAMES = ["Down/a", "Down/b", "Down/c", "Slow/a", "Slow/b"];

/** The world outside: what fires, and what a receiver that comes and goes has heard. */
class World {
  readonly scenario = new Scenario();
  readonly rng: Rng;
  /** What the rules said last, as a restarted rule manager says again. */
  readonly firing = new Map<string, number>();
  readonly everFired = new Set<string>();
  readonly heardFiring = new Set<string>();
  /** What a person who reads all messages believes. */
  readonly believed = new Map<string, boolean>();
  readonly bodyByKey = new Map<string, string>();
  /** How likely an attempt fails, in percent. */
  trouble = 0;
  /** Whether some failures are for good. */
  refuses = true;

  constructor(seed: number) {
    this.rng = seededRng(seed);
    this.scenario.answer = (outgoing, signal) => this.#answer(outgoing, signal);
  }

  /** Accepts, refuses for now or for good, answers late, or does the work and loses the answer. */
  async #answer(outgoing: OutgoingNotification, signal: AbortSignal): Promise<void> {
    const slow = this.trouble > 0 && this.rng.chance(30);
    if (slow) await this.scenario.clock.sleep(this.rng.below(20_000), signal);
    const { idempotencyKey } = outgoing;
    const text = said(outgoing);
    const before = this.bodyByKey.get(idempotencyKey);
    // Nobody refuses for good what he has taken before.
    if (this.rng.chance(this.trouble))
      throw this.refuses && before === undefined && this.rng.chance(20)
        ? rejected()
        : unavailable();
    ok(before === undefined || before === text, `one key, two texts: ${before} and ${text}`);
    this.bodyByKey.set(idempotencyKey, text);
    for (const { labels, endsAtMs } of outgoing.notification.alerts) {
      const name = nameOf(labels);
      ok(this.everFired.has(name), `${name} never fired`);
      if (endsAtMs === null) this.heardFiring.add(name);
      this.believed.set(name, endsAtMs === null);
    }
    if (this.rng.chance(this.trouble / 2)) throw unavailable(); // It heard; the sender does not know.
  }

  /** One alert changes its mind. */
  async change(dispatcher: Dispatcher): Promise<void> {
    const name = NAMES[this.rng.below(NAMES.length)] as string;
    const { clock } = this.scenario;
    const since = this.firing.get(name);
    if (since === undefined) {
      this.firing.set(name, clock.nowMs());
      this.everFired.add(name);
      await dispatcher.update([this.scenario.alert(name, "fires")]);
      return;
    }
    this.firing.delete(name);
    await dispatcher.update([this.scenario.alert(name, "resolves", since)]);
  }

  /** As a rule manager after a restart: it tells everything again. */
  async announce(dispatcher: Dispatcher): Promise<void> {
    for (const name of NAMES) {
      const since = this.firing.get(name);
      if (since !== undefined)
        await dispatcher.update([{ ...this.scenario.alert(name, "fires"), startsAtMs: since }]);
      else if (this.everFired.has(name))
        await dispatcher.update([this.scenario.alert(name, "resolves")]);
    }
  }
}

const CONFIG = config({ repeatIntervalMs: ms("1h") }, [webhook()]);

async function live(seed: number): Promise<void> {
  const world = new World(seed);
  const { rng, scenario } = world;
  let store = new MemoryDocumentStore();
  const lifeCount = 3 + rng.below(4);
  for (let life = 0; life < lifeCount; life++) {
    world.trouble = rng.below(80);
    const dispatcher = await scenario.open(store, CONFIG, { rng });
    await world.announce(dispatcher);
    if (rng.chance(20))
      store.beforeCommit = () => {
        if (rng.chance(10)) throw new OperatingError("disk.full", "no space left");
      };
    for (let left = rng.below(12); left >= 0; left--) {
      const changed = world.change(dispatcher);
      if (left > 0) await changed;
      else changed.catch(() => {}); // The last one is in flight when the end comes.
      await scenario.clock.advance(rng.below(ms("4m")));
    }
    // Death at any point: between two steps of whatever goes on.
    for (let steps = rng.below(20); steps > 0; steps--) await Promise.resolve();
    // Or an orderly stop, which must not lose anything either.
    if (rng.chance(25)) await dispatcher[Symbol.asyncDispose]();
    store = store.kill();
    await dispatcher[Symbol.asyncDispose]();
    if (rng.chance(30)) await scenario.clock.advance(rng.below(ms("30m")));
  }
  // A last life in which the receiver is well: in the end everybody knows how it stands.
  world.trouble = 0;
  const dispatcher = await scenario.open(store, CONFIG, { rng });
  await world.announce(dispatcher);
  await scenario.clock.advance(ms("30m"));
  for (const name of NAMES) {
    const believed = world.believed.get(name) ?? false;
    ok(believed === world.firing.has(name), `${name}: told firing=${believed}`);
  }
  ok(dispatcher.stats().outbox === 0, "nothing waits");
  await dispatcher[Symbol.asyncDispose]();
}

test("through deaths, a full disk and an unreliable receiver, people end up knowing what fires and what does not", async () => {
  for (const seed of seeds) {
    try {
      await live(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});

test("every alert that fired through a flush is told as firing, whatever the receiver and the process do", async () => {
  for (const seed of seeds) {
    const world = new World(seed + 1_000_000);
    const { rng, scenario } = world;
    world.trouble = 60;
    world.refuses = false; // What is refused for good is taken back, and then only its end may be told.
    let store = new MemoryDocumentStore();
    let dispatcher = await scenario.open(store, CONFIG, { rng });
    for (const name of NAMES) {
      await dispatcher.update([scenario.alert(name, "fires")]);
      world.everFired.add(name);
      // Long enough for the flush of its group to have decided; then it may go.
      await scenario.clock.advance(ms("5m30s"));
      await scenario.resolve(dispatcher, name);
      store = store.kill();
      await dispatcher[Symbol.asyncDispose]();
      dispatcher = await scenario.open(store, CONFIG, { rng });
    }
    world.trouble = 0;
    await scenario.clock.advance(ms("30m"));
    for (const name of NAMES) {
      ok(world.heardFiring.has(name), `seed ${seed}: ${name} was never told as firing`);
      ok(world.believed.get(name) !== true, `seed ${seed}: ${name} was not told as resolved`);
    }
    await dispatcher[Symbol.asyncDispose]();
  }
});
