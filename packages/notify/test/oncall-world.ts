import { ok } from "node:assert/strict";
import { type GroupAlert, type Incident, NO_ONCALL_PLAN, type OnCallPlan } from "@pharos/alert";
import {
  type Labels,
  labelsFrom,
  labelValue,
  OperatingError,
  type Rng,
  seededRng,
} from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import {
  Dispatcher,
  EscalationRunner,
  followIncidents,
  IncidentBook,
  IncidentFollower,
  type NotificationConfig,
  type OutgoingNotification,
  type Receipt,
} from "../src/index.ts";
import { alertOf, config, ms, START_MS, unavailable, webhook } from "./scenario.ts";
import type { ProcessStore } from "./shared-store.ts";
import { anyMoment, isCalm, openStore, type TroubleOptions, Verdict } from "./sim-trouble.ts";

const NAMES = ["Down", "Slow", "Full", "Cold"];
const PEOPLE = ["ada", "lead", "vp"];
/** Rules tell again what fires. */
const RESEND_MS = ms("1m");
/** The last step, and some for a start, a late step and what is tried again. */
const ALL_STEPS_MS = ms("38m");
/** What one server knows the others do by then. */
const KNOWN_MS = ms("5s");

const PLAN: OnCallPlan = {
  ...NO_ONCALL_PLAN,
  contacts: new Map(PEOPLE.map((name) => [name, { name, receivers: [name] }])),
  policies: [
    {
      name: "all",
      matchers: [],
      steps: ["0s", "10m", "30m"].map((after, i) => ({
        afterMs: ms(after),
        notify: [{ kind: "contact", name: PEOPLE[i] as string }],
      })),
    },
  ],
};

function peopleConfig(): NotificationConfig {
  const base = config({ repeatIntervalMs: ms("4h") });
  const people = PEOPLE.map((name) => ({ name, labels: [], integrations: [webhook()] }));
  return { ...base, receivers: [...base.receivers, ...people] };
}

/** Everything at once or some of it, by the seed. */
function optionsOf(seed: number): TroubleOptions {
  const rng = seededRng(seed ^ 0x0ca11);
  return {
    servers: rng.chance(50) ? 2 : 1,
    crashes: rng.chance(60),
    trouble: rng.chance(60),
    storeFails: rng.chance(25),
    clockJumps: rng.chance(30),
  };
}

interface Server {
  readonly store: ProcessStore;
  readonly dispatcher: Dispatcher;
  readonly book: IncidentBook;
  readonly closers: AsyncDisposableStack;
  readonly startedMs: number;
  isDead: boolean;
}

/** An alert that fires. Times without a name are of the monotonic clock. */
interface Episode {
  readonly startsAtMs: number;
  /** Until when on the wall clock somebody is at it, and since when it is known. */
  acknowledged: { readonly untilMs: number; readonly sinceMs: number } | undefined;
  /** Since when nobody is. */
  freeSinceMs: number;
  /** Who was called since. */
  called: Set<string>;
}

class OnCallWorld {
  readonly clock = new SimClock(START_MS);
  readonly rng: Rng;
  readonly options: TroubleOptions;
  readonly #database = new MemoryDocumentStore();
  readonly #firing = new Map<string, Episode>();
  /** When what is over ended. */
  readonly #endedMs = new Map<string, number>();
  readonly #ends = new Map<string, { startsAtMs: number; endsAtMs: number }>();
  readonly #heardKeys: string[] = [];
  readonly servers: Server[] = [];
  /** In percent. */
  trouble = 0;
  #wellSinceMs = 0;
  readonly #verdict = new Verdict();

  constructor(seed: number, options: TroubleOptions) {
    this.rng = seededRng(seed);
    this.options = options;
  }

  async start(): Promise<void> {
    const { clock, rng } = this;
    const onFail = (): void => this.#unsettle();
    const store = openStore(this.#database, this.options, rng, { failPercent: 10, onFail });
    const closers = new AsyncDisposableStack();
    const self: { -readonly [K in keyof Server]?: Server[K] } = {
      ...{ store, closers, isDead: false, startedMs: clock.monotonicMs() },
    };
    const server = self as Server;
    const onProblem = (): void => {};
    const book = await IncidentBook.open({
      ...{ store, clock, onProblem },
      currentAlerts: (groupId) => self.dispatcher?.alertsOf(groupId),
    });
    self.book = closers.use(book);
    const dispatcher = await Dispatcher.open({
      ...{ config: peopleConfig(), store, clock, rng, onProblem },
      observer: new IncidentFollower(book),
      createReceiver: (_, receiver) => ({
        send: (outgoing, signal) => this.#receive(server, receiver, outgoing, signal),
      }),
    });
    self.dispatcher = closers.use(dispatcher);
    closers.use(followIncidents(book, dispatcher));
    closers.use(
      await EscalationRunner.open({
        ...{ store, clock, book, dispatcher, onProblem },
        plan: () => PLAN,
        isReachable: () => true,
        contextOf: () => ({}),
      }),
    );
    this.servers.push(server);
    this.#unsettle();
    await this.announce();
  }

  async announce(): Promise<void> {
    for (const { dispatcher } of this.servers)
      await dispatcher.update([
        ...[...this.#firing].map(([name, { startsAtMs }]) => criticalAlert(name, startsAtMs, null)),
        ...[...this.#ends].map(([name, at]) => criticalAlert(name, at.startsAtMs, at.endsAtMs)),
      ]);
  }

  async change(): Promise<void> {
    const name = NAMES[this.rng.below(NAMES.length)] as string;
    const nowMs = this.clock.nowMs();
    const episode = this.#firing.get(name);
    if (episode === undefined) {
      this.#ends.delete(name);
      const freeSinceMs = this.clock.monotonicMs();
      const called = new Set<string>();
      this.#firing.set(name, { startsAtMs: nowMs, acknowledged: undefined, freeSinceMs, called });
    } else {
      this.checkSteps(name, episode);
      this.#firing.delete(name);
      this.#endedMs.set(name, this.clock.monotonicMs());
      const { startsAtMs } = episode;
      this.#ends.set(name, { startsAtMs, endsAtMs: Math.max(nowMs, startsAtMs) });
    }
    await this.announce();
  }

  /** Somebody acknowledges something on one of the servers, or takes it back. */
  async act(): Promise<void> {
    const server = this.servers[this.rng.below(this.servers.length)];
    const open = server?.book.live().filter(({ status }) => status !== "resolved") ?? [];
    const incident = open[this.rng.below(Math.max(1, open.length))];
    if (server === undefined || incident === undefined) return;
    const name = nameOf(incident);
    const episode = this.#firing.get(name);
    if (episode === undefined) return;
    const isTakenBack = incident.status === "acknowledged" && this.rng.chance(40);
    const untilMs = this.clock.nowMs() + ms("1m") + this.rng.below(ms("90m"));
    this.checkSteps(name, episode);
    const { acknowledged, freeSinceMs, called } = episode;
    // From the first moment on it may hold, and until the last it may not.
    episode.acknowledged = undefined;
    this.#free(episode);
    try {
      const said = { by: "ann", comment: "" };
      if (isTakenBack) await server.book.act(incident.id, { kind: "unacknowledge", ...said });
      else {
        const { acknowledgement } = await server.book.act(incident.id, {
          ...{ kind: "acknowledge", untilMs, ...said },
        });
        if (acknowledgement?.untilMs === untilMs && this.#firing.get(name) === episode)
          episode.acknowledged = { untilMs, sinceMs: this.clock.monotonicMs() };
      }
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#unsettle();
      // It was not kept: what was, goes on, and whoever was called already is not called again.
      const all = new Set([...called, ...episode.called]);
      Object.assign(episode, { acknowledged, freeSinceMs, called: all });
    }
  }

  #free(episode: Episode): void {
    episode.freeSinceMs = this.clock.monotonicMs();
    episode.called = new Set();
  }

  jumpClock(): void {
    this.#unsettle();
    this.clock.jumpWall((this.rng.chance(50) ? 1 : -1) * this.rng.below(ms("2h")));
    // What an acknowledgement is worth after that is not for this test to say.
    for (const episode of this.#firing.values())
      if (episode.acknowledged !== undefined) {
        episode.acknowledged = undefined;
        episode.freeSinceMs = Number.POSITIVE_INFINITY;
      }
  }

  async crash(): Promise<void> {
    const server = this.servers.shift();
    if (server === undefined) return;
    await anyMoment(this.rng);
    this.#unsettle();
    server.isDead = true;
    server.store.kill();
    await server.closers.disposeAsync();
  }

  async stop(): Promise<void> {
    for (const { closers } of this.servers.splice(0)) await closers.disposeAsync();
  }

  async pass(durationMs: number): Promise<void> {
    for (let leftMs = durationMs; leftMs > 0; leftMs -= RESEND_MS) {
      await this.clock.advance(Math.min(leftMs, RESEND_MS));
      for (const episode of this.#firing.values()) {
        const { acknowledged } = episode;
        if (acknowledged === undefined || this.clock.nowMs() < acknowledged.untilMs) continue;
        // It ended within the last minute, after which the first step may have come already.
        episode.acknowledged = undefined;
        episode.freeSinceMs = this.clock.monotonicMs();
      }
      await this.announce();
      this.#verdict.throwFault();
    }
  }

  #unsettle(): void {
    this.#wellSinceMs = this.clock.monotonicMs();
  }

  async #receive(
    server: Server,
    receiver: string,
    outgoing: OutgoingNotification,
    signal: AbortSignal,
  ): Promise<Receipt> {
    if (receiver === "team") return {};
    this.#check(server, receiver, outgoing);
    if (this.trouble > 0 && this.rng.chance(25))
      await this.clock.sleep(this.rng.below(20_000), signal);
    if (this.rng.chance(this.trouble)) {
      this.#unsettle();
      throw unavailable();
    }
    const { idempotencyKey, notification } = outgoing;
    this.#heardKeys.push(`${receiver} ${idempotencyKey}`);
    for (const { labels, endsAtMs } of notification.alerts)
      if (endsAtMs === null)
        this.#firing.get(labelValue(labels, "alertname"))?.called.add(receiver);
    if (this.rng.chance(this.trouble / 2)) {
      this.#unsettle();
      throw unavailable(); // It heard; the sender does not know.
    }
    return {};
  }

  /** What holds for every attempt to call somebody. */
  #check(server: Server, receiver: string, { idempotencyKey, notification }: OutgoingNotification) {
    this.#verdict.judge(() => {
      const names = notification.alerts
        .filter(({ endsAtMs }) => endsAtMs === null)
        .map(({ labels }) => labelValue(labels, "alertname"));
      const text = `${receiver} ${notification.reason} ${names.join()}`;
      this.#verdict.checkText(idempotencyKey, text);
      const nowMs = this.clock.monotonicMs();
      // A server that has just started does not know what happened meanwhile; nor does a dead one.
      if (server.isDead || names.length === 0 || nowMs - server.startedMs < KNOWN_MS) return;
      for (const name of names) {
        const episode = this.#firing.get(name);
        const endedMs = this.#endedMs.get(name) ?? Number.NEGATIVE_INFINITY;
        ok(episode !== undefined || nowMs - endedMs < KNOWN_MS, `${text}: it is over`);
        const { untilMs = 0, sinceMs = 0 } = episode?.acknowledged ?? {};
        ok(
          this.clock.nowMs() >= untilMs || nowMs - sinceMs < KNOWN_MS,
          `${text}: somebody is at it`,
        );
      }
    });
  }

  /** What fired for long enough, with nobody at it and everything at work, was told to everybody. */
  checkSteps(name: string, { acknowledged, freeSinceMs, called }: Episode): void {
    if (acknowledged !== undefined) return;
    const sinceMs = Math.max(freeSinceMs, this.#wellSinceMs);
    if (this.clock.monotonicMs() - sinceMs <= ALL_STEPS_MS) return;
    for (const person of PEOPLE)
      if (!called.has(person))
        this.#verdict.find(new Error(`${person} was not called for ${name}, only ${[...called]}`));
    this.#verdict.throwFault();
  }

  checkEnd(): void {
    for (const [name, episode] of this.#firing) this.checkSteps(name, episode);
  }

  /** Where every answer arrived: nobody was called twice for the same. */
  checkOnce(): void {
    ok(new Set(this.#heardKeys).size === this.#heardKeys.length, "nothing was told twice");
  }
}

function labelsOf(name: string): Labels {
  return labelsFrom({ alertname: name, severity: "critical" });
}

function nameOf({ group }: Incident): string {
  return labelValue(group.labels, "alertname");
}

function criticalAlert(name: string, startsAtMs: number, endsAtMs: number | null): GroupAlert {
  return { ...alertOf(name, startsAtMs, endsAtMs), labels: labelsOf(name) };
}

/** Lives through one seed. Throws what must not be. */
export async function simulateOnCall(seed: number, options = optionsOf(seed)): Promise<void> {
  const world = new OnCallWorld(seed, options);
  const { rng } = world;
  for (let i = 0; i < options.servers; i++) await world.start();
  for (let steps = 8 + rng.below(14); steps > 0; steps--) {
    world.trouble = options.trouble && rng.chance(40) ? rng.below(80) : 0;
    const happens = rng.below(100);
    if (happens < 45) {
      const changed = world.change();
      if (rng.chance(80)) await changed;
      else changed.catch(() => {}); // In flight when the next thing happens.
    } else if (happens < 72) await world.act();
    else if (happens < 88 && options.crashes) {
      await world.crash();
      if (rng.chance(30)) await world.pass(rng.below(ms("15m")));
      await world.start();
    } else if (happens < 94 && options.clockJumps) world.jumpClock();
    if (rng.chance(70)) await world.pass(rng.below(ms("12m")));
    else await world.pass(rng.below(ms("55m")));
  }
  world.trouble = 0;
  for (const { store } of world.servers) store.beforeCommit = () => {};
  await world.pass(ms("2h30m"));
  world.checkEnd();
  if (isCalm(options)) world.checkOnce();
  await world.stop();
}
