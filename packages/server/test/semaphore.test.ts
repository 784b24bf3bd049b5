import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { Semaphore } from "../src/rules/semaphore.ts";

test("tasks run in order, as many at once as there are places", async () => {
  const semaphore = new Semaphore(2);
  const { signal } = new AbortController();
  const ended: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string): Promise<void> =>
    semaphore.run(async () => {
      await new Promise<void>((resolve) => ends.set(name, resolve));
      ended.push(name);
    }, signal);
  const all = ["a", "b", "c", "d"].map(run);
  deepEqual([...ends.keys()], ["a", "b"]);
  ends.get("b")?.();
  await all[1];
  await Promise.resolve();
  deepEqual([...ends.keys()], ["a", "b", "c"]);
  for (const name of ["a", "c"]) ends.get(name)?.();
  await Promise.all([all[0], all[2]]);
  ends.get("d")?.();
  await Promise.all(all);
  deepEqual(ended, ["b", "a", "c", "d"]);
});

test("who gives up while others run does not wait for them, and takes nobody's place", async () => {
  const semaphore = new Semaphore(1);
  const patient = new AbortController();
  const hasty = new AbortController();
  const ran: string[] = [];
  const first = Promise.withResolvers<void>();
  const task = (name: string, until?: Promise<void>) => async (): Promise<void> => {
    ran.push(name);
    await until;
  };
  const running = semaphore.run(task("first", first.promise), patient.signal);
  const waiting = semaphore.run(task("hasty"), hasty.signal);
  const last = semaphore.run(task("last"), patient.signal);
  hasty.abort();
  await waiting;
  deepEqual(ran, ["first"]);
  first.resolve();
  await Promise.all([running, last]);
  await semaphore.run(task("again"), patient.signal);
  deepEqual(ran, ["first", "last", "again"]);
});
