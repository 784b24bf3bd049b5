import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { type Clock, seededRng } from "@pharos/base";
import { MemoryDocumentStore } from "@pharos/testing";
import { config, ms, rejected, Scenario, said } from "./scenario.ts";
import { ProcessStore } from "./shared-store.ts";

/** Of the second server on a store: each has a name of its own. */
const OTHER_RNG = seededRng(2);

/** Of a server that wakes up a little later than the other one, which therefore tells everything. */
function lateClock(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: (durationMs, signal) => clock.sleep(durationMs + 10, signal),
  };
}

/** Two servers on one store, of which the first tells: that Down/a and Down/b fire, and in vain that Down/a is over. */
async function toldInVain(clockOfSecond = (clock: Clock) => clock) {
  const scenario = new Scenario();
  let refuses = true;
  scenario.answer = async (outgoing, signal) => {
    await scenario.clock.sleep(ms("1s"), signal); // In which the other one looks, and finds it decided.
    if (refuses && said(outgoing).includes("-")) throw rejected();
  };
  const database = new MemoryDocumentStore();
  const stores = [new ProcessStore(database, true), new ProcessStore(database, true)] as const;
  const first = await scenario.open(stores[0]);
  const second = await scenario.open(stores[1], config(), {
    rng: OTHER_RNG,
    clock: clockOfSecond(scenario.clock),
  });
  for (const dispatcher of [first, second]) await scenario.fire(dispatcher, "Down/a", "Down/b");
  await scenario.clock.advance(ms("1m"));
  for (const dispatcher of [first, second]) await scenario.resolve(dispatcher, "Down/a");
  await scenario.clock.advance(ms("5m"));
  return {
    scenario,
    second,
    accept: (): void => {
      refuses = false;
    },
    dieFirst: async (): Promise<void> => {
      stores[0].kill();
      await first[Symbol.asyncDispose]();
    },
  };
}

test("what one server told to be over in vain, for longer than is remembered what is over, the other tells when that one dies", async () => {
  const { scenario, second, accept, dieFirst } = await toldInVain(lateClock);
  await scenario.clock.advance(ms("1h"));
  await dieFirst();
  accept();
  await scenario.clock.advance(ms("6m"));
  deepEqual(scenario.sent, [
    "31s first notification: +Down/a +Down/b",
    "1h10m31s some alerts resolved: -Down/a +Down/b",
  ]);
  await second[Symbol.asyncDispose]();
});

test("a clock that is set ahead makes no server forget of which end people must hear yet", async () => {
  const { scenario, second, accept, dieFirst } = await toldInVain();
  scenario.clock.jumpWall(ms("3h"));
  await scenario.clock.advance(ms("3m"));
  await dieFirst();
  accept();
  await scenario.clock.advance(ms("6m"));
  deepEqual(scenario.sent, [
    "31s first notification: +Down/a +Down/b",
    "3h11m2s some alerts resolved: -Down/a +Down/b",
  ]);
  await second[Symbol.asyncDispose]();
});

test("what another server was telling when this one looked is known here within two minutes, not with the next look only", async () => {
  const scenario = new Scenario();
  scenario.answer = async (_, signal) => scenario.clock.sleep(ms("1s"), signal);
  const database = new MemoryDocumentStore();
  await using first = await scenario.open(new ProcessStore(database, true));
  await using second = await scenario.open(new ProcessStore(database, true), config(), {
    rng: OTHER_RNG,
    clock: lateClock(scenario.clock),
  });
  for (const dispatcher of [first, second]) await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("40s"));
  deepEqual(scenario.sent, ["31s first notification: +Down/a"]);
  deepEqual([first.peers.told().length, second.peers.told().length], [1, 0]);
  await scenario.clock.advance(ms("2m"));
  deepEqual(second.peers.told(), first.peers.told());
});
