import { deepEqual } from "node:assert/strict";
import { fingerprint } from "@pharos/alert";
import { OperatingError, type Rng, seededRng } from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import { Cluster } from "../src/cluster/cluster.ts";
import { dispatchCluster } from "../src/cluster/cluster-dispatch.ts";
import type { ClusterTransport, ClusterUpdate } from "../src/cluster/cluster-message.ts";
import { Dispatcher, type OutgoingNotification } from "../src/index.ts";
import { alertOf, config, labelsOf, ms, nameOf, START_MS, said, time } from "./scenario.ts";
import { ProcessStore } from "./shared-store.ts";

const TIMEOUT_MS = 5000;

interface Running {
  readonly store: ProcessStore;
  readonly cluster: Cluster;
  readonly dispatcher: Dispatcher;
  isDead: boolean;
}

export interface Told {
  readonly atMs: number;
  readonly server: string;
  readonly said: string;
}

/** Servers with a database of their own each, the network between them, and whoever they tell. */
export class ClusterWorld {
  readonly clock = new SimClock(START_MS);
  readonly rng: Rng;
  readonly told: Told[] = [];
  /** What whoever is told believes to fire. */
  readonly believed = new Set<string>();
  readonly problems: OperatingError[] = [];
  readonly #names: readonly string[];
  readonly #databases = new Map<string, MemoryDocumentStore>();
  readonly #running = new Map<string, Running>();
  /** Pairs that do not hear of each other, as `a b`. */
  readonly #cut = new Set<string>();
  /** What each server's rules say, with when it began there. */
  readonly #firing = new Map<string, Map<string, number>>();

  constructor(count: number, seed: number) {
    this.rng = seededRng(seed);
    this.#names = ["a", "b", "c"].slice(0, count);
  }

  get names(): readonly string[] {
    return this.#names;
  }

  async start(name: string): Promise<void> {
    const database = this.#databases.getOrInsertComputed(name, () => new MemoryDocumentStore());
    const store = new ProcessStore(database, false);
    const { clock } = this;
    const onProblem = (error: OperatingError): void => void this.problems.push(error);
    const peers = this.#names.filter((other) => other !== name);
    const cluster = new Cluster({
      name,
      instance: name,
      peers,
      transport: this.#network(name),
      clock,
      onProblem,
    });
    const dispatcher = await Dispatcher.open({
      ...{ config: config(), store, clock, onProblem },
      rng: seededRng(this.rng.below(2 ** 32)),
      createReceiver: () => ({
        send: async (outgoing, signal) => {
          await clock.sleep(this.rng.below(300), signal);
          this.#hear(name, outgoing);
          await clock.sleep(this.rng.below(300), signal);
          return {};
        },
      }),
      cluster: dispatchCluster(cluster, () => clock.nowMs()),
    });
    const take = (update: ClusterUpdate): Promise<void> =>
      update.kind === "alert" ? dispatcher.peers.adoptAlert(update.document) : Promise.resolve();
    cluster.start(
      {
        takeTold: async ({ document }) =>
          document === null ? undefined : dispatcher.peers.adoptTold(document),
        takeUpdate: take,
        state: () =>
          dispatcher.peers.postedAlerts().map((document) => ({ kind: "alert" as const, document })),
      },
      dispatcher.peers.told(),
    );
    this.#running.set(name, { store, cluster, dispatcher, isDead: false });
    // Its rules go on from what they know.
    await this.#tellRules(name);
  }

  /** Whatever is on its way is lost. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    running.isDead = true;
    running.store.kill();
    await Promise.all([
      running.cluster[Symbol.asyncDispose](),
      running.dispatcher[Symbol.asyncDispose](),
    ]);
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  cut(a: string, b: string): void {
    this.#cut.add(`${a} ${b}`).add(`${b} ${a}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** The rules of a server say that something fires, or that it does not. */
  async rule(server: string, name: string, isFiring: boolean): Promise<void> {
    const firing = this.#firing.getOrInsertComputed(server, () => new Map());
    if (firing.has(name) === isFiring) return;
    const nowMs = this.clock.nowMs();
    const startsAtMs = firing.get(name) ?? nowMs;
    if (isFiring) firing.set(name, nowMs);
    else firing.delete(name);
    const alert = { ...alertOf(name, startsAtMs), endsAtMs: isFiring ? null : nowMs };
    await this.#running.get(server)?.dispatcher.update([alert]);
  }

  /** What the rules of any server say. */
  get firing(): ReadonlySet<string> {
    return new Set([...this.#firing.values()].flatMap((firing) => [...firing.keys()]));
  }

  /** Somebody posts an alert, as a Prometheus that knows one server. */
  async post(server: string, name: string, endsAtMs?: number): Promise<void> {
    const posted = { labels: labelsOf(name), annotations: [], generatorUrl: "" };
    const end = endsAtMs === undefined ? {} : { endsAtMs };
    await this.#running.get(server)?.dispatcher.post([{ ...posted, ...end }]);
  }

  alerts(server: string): number {
    return this.#running.get(server)?.dispatcher.alerts().length ?? 0;
  }

  cluster(server: string): Cluster {
    const running = this.#running.get(server);
    if (running === undefined) throw new Error(`${server} does not run`);
    return running.cluster;
  }

  async pass(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs);
  }

  async end(): Promise<void> {
    for (const name of this.#names) await this.kill(name);
  }

  /** What was told, as `1m5s +Down/a`. */
  lines(): string[] {
    return this.told.map(({ atMs, said }) => `${time(atMs)} ${said}`);
  }

  async #tellRules(server: string): Promise<void> {
    const firing = this.#firing.get(server) ?? new Map<string, number>();
    const alerts = [...firing].map(([name, startsAtMs]) => alertOf(name, startsAtMs));
    await this.#running.get(server)?.dispatcher.update(alerts);
  }

  /** Rules say again what fires, and what does not any more: a process that died may not have heard. */
  async repeat(names: readonly string[]): Promise<void> {
    const nowMs = this.clock.nowMs();
    for (const server of this.#running.keys()) {
      const firing = this.#firing.get(server);
      const over = names.filter((name) => firing?.has(name) !== true);
      await this.#tellRules(server);
      const known = new Set(
        this.#running
          .get(server)
          ?.dispatcher.alerts()
          .map(({ alert }) => fingerprint(alert.labels)),
      );
      await this.#running
        .get(server)
        ?.dispatcher.update(
          over
            .map((name) => ({ ...alertOf(name, nowMs - 1), endsAtMs: nowMs }))
            .filter(({ labels }) => known.has(fingerprint(labels))),
        );
    }
  }

  #hear(server: string, outgoing: OutgoingNotification): void {
    this.told.push({ atMs: this.clock.nowMs(), server, said: said(outgoing) });
    for (const { labels, endsAtMs } of outgoing.notification.alerts)
      if (endsAtMs === null) this.believed.add(nameOf(labels));
      else this.believed.delete(nameOf(labels));
  }

  /** Delays, and loses, as a network does; what it carries is JSON. */
  #network(from: string): ClusterTransport {
    const call = async <A>(
      to: string,
      ask: (cluster: Cluster) => Promise<A>,
      signal: AbortSignal,
    ): Promise<A> => {
      await this.clock.sleep(1 + this.rng.below(100), signal);
      const there = this.#running.get(to);
      if (there === undefined || this.#cut.has(`${from} ${to}`)) {
        if (there !== undefined) await this.clock.sleep(TIMEOUT_MS, signal);
        throw new OperatingError("http.failed", `${to} does not answer`);
      }
      const answer = await ask(there.cluster);
      await this.clock.sleep(1 + this.rng.below(100), signal);
      if (there.isDead || this.#cut.has(`${to} ${from}`))
        throw new OperatingError("http.failed", `the answer of ${to} was lost`);
      return json(answer);
    };
    return {
      updates: (to, request, signal) =>
        call(to, (cluster) => cluster.answerUpdates(json(request)), signal),
      claim: (to, request, signal) =>
        call(to, (cluster) => cluster.answerClaim(json(request)), signal),
      state: (to, request, signal) =>
        call(to, (cluster) => cluster.answerState(json(request)), signal),
    };
  }
}

function json<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** So many servers, all of them at work, that know each other. */
export async function startedCluster(count: number, seed: number): Promise<ClusterWorld> {
  const world = new ClusterWorld(count, seed);
  for (const name of world.names) await world.start(name);
  await world.pass(ms("5s"));
  return world;
}

/** Servers that evaluate the same rules, in which nothing goes wrong. Throws where something is not told just once. */
export async function simulateCalmCluster(seed: number): Promise<void> {
  const world = await startedCluster(2 + (seed % 2), seed);
  const names = ["Down/x", "Full/x", "Slow/x"];
  for (const name of names)
    for (const isFiring of [true, false]) {
      for (const server of world.names) {
        await world.rule(server, name, isFiring);
        await world.pass(world.rng.below(3000));
      }
      await world.pass(ms("7m") + world.rng.below(60_000));
    }
  deepEqual(
    world.told.map(({ said }) => said),
    names.flatMap((name) => [`+${name}`, `-${name}`]),
  );
  deepEqual(world.problems, []);
  await world.end();
}

/** Servers that die and come back, and a network that is cut. Throws where people do not end up knowing what fires. */
export async function simulateCluster(seed: number): Promise<void> {
  const names = ["Down/x", "Down/y", "Full/x", "Slow/x"];
  const world = await startedCluster(2 + (seed % 2), seed);
  const { rng } = world;
  const pick = <T>(of: readonly T[]): T => of[rng.below(of.length)] as T;
  for (let step = 0; step < 40; step++) {
    const server = pick(world.names);
    const happens = rng.below(100);
    if (happens < 50) {
      const name = pick(names);
      const isFiring = rng.chance(50);
      for (const each of world.names) {
        await world.rule(each, name, isFiring);
        await world.pass(rng.below(3000));
      }
    } else if (happens < 65) await world.kill(server);
    else if (happens < 85) {
      if (!world.isRunning(server)) await world.start(server);
    } else if (happens < 93) world.cut(server, pick(world.names));
    else world.heal();
    await world.pass(rng.below(120_000));
    await world.repeat(names);
  }
  world.heal();
  for (const name of world.names) if (!world.isRunning(name)) await world.start(name);
  for (let i = 0; i < 6; i++) {
    await world.repeat(names);
    await world.pass(ms("5m"));
  }
  deepEqual([...world.believed].sort(), [...world.firing].sort(), world.lines().join("\n"));
  await world.end();
}
