import { ok } from "node:assert/strict";
import { createMatcher, type Rng, seededRng } from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import {
  Dispatcher,
  type DispatchObserver,
  type NotificationConfig,
  type OutgoingNotification,
  type Receipt,
} from "../src/index.ts";
import {
  alertOf,
  config,
  ms,
  nameOf,
  rejected,
  START_MS,
  unavailable,
  webhook,
} from "./scenario.ts";
import type { ProcessStore } from "./shared-store.ts";
import { anyMoment, isCalm, openStore, type TroubleOptions, Verdict } from "./sim-trouble.ts";

/** Of rules; the last one is only ever posted. */
const RULE_ALERTS = ["Down/a", "Down/b", "Down/c", "Slow/a", "Slow/b"];
const POSTED_ALERT = "Posted/a";
const NAMES = [...RULE_ALERTS, POSTED_ALERT];

const GROUP_INTERVAL_MS = ms("5m");
/** Rules and senders tell again what fires. */
const RESEND_MS = ms("1m");
/** An alert that fires for so long with everything at work goes through a flush. */
const FLUSHED_WITHIN_MS = GROUP_INTERVAL_MS + ms("2m");

interface WorldOptions extends TroubleOptions {
  /** Silences, and people who are at it. */
  readonly suppression: boolean;
  readonly reloads: boolean;
}

/** Everything at once or some of it, by the seed. */
function optionsOf(seed: number): WorldOptions {
  const rng = seededRng(seed ^ 0x5eed);
  return {
    servers: rng.chance(50) ? 2 : 1,
    crashes: rng.chance(70),
    trouble: rng.chance(70),
    storeFails: rng.chance(25),
    clockJumps: rng.chance(25),
    suppression: rng.chance(50),
    reloads: rng.chance(30),
  };
}

/** Two receivers for what is down, one of which wants no resolved ones; a group for each instance where it is slow. */
function worldConfig(variant: number): NotificationConfig {
  const base = config(
    {
      repeatIntervalMs: ms("1h"),
      routes: [
        {
          matchers: [createMatcher("=", "alertname", "Slow")],
          receiver: "slow",
          // So that a group comes up again while it is being told, or waits for that.
          groupIntervalMs: ms("20s"),
          groupBy: variant % 2 === 0 ? ["alertname", "instance"] : ["alertname"],
          continues: true,
        },
        { matchers: [createMatcher("=~", "alertname", "Down|Slow|Posted")] },
      ],
    },
    [webhook(), webhook({ sendResolved: false })],
  );
  const slow = { name: "slow", labels: [], integrations: [{ ...webhook(), index: 0 }] };
  return { ...base, receivers: [...base.receivers, slow] };
}

interface Server {
  readonly dispatcher: Dispatcher;
  readonly store: ProcessStore;
  /** Set by a crash: whatever is on its way is not heard of any more. */
  isDead: boolean;
}

interface Accepted {
  readonly key: string;
  readonly text: string;
  readonly monotonicMs: number;
}

/** An alert that fires, from when and to when. */
interface Episode {
  readonly name: string;
  readonly startsAtMs: number;
  readonly sinceMs: number;
}

/** The world outside the dispatchers, and what people in it believe. Times without a name are of the monotonic clock. */
class World {
  readonly clock = new SimClock(START_MS);
  readonly rng: Rng;
  readonly options: WorldOptions;
  readonly #database = new MemoryDocumentStore();
  readonly #firing = new Map<string, Episode>();
  /** When what ended did; rules say it for a while. */
  readonly #ended = new Map<string, { startsAtMs: number; endsAtMs: number }>();
  readonly #silenced = new Set<string>();
  #hasJumped = false;
  /** By alertname; until when on the wall clock. */
  readonly #held = new Map<string, number>();
  readonly #servers: Server[] = [];
  #configVariant = 0;
  /** In percent. */
  trouble = 0;
  /** Since when everything has been at work that an alert needs to be told. */
  #wellSinceMs = 0;

  /** By integration and group. */
  readonly #accepted = new Map<string, Accepted[]>();
  /** What a reader of all messages of an integration believes, by integration and alert. */
  readonly #believed = new Map<string, boolean>();
  /** Ends that nobody was to hear of. */
  readonly #mutedEnds = new Set<string>();
  readonly #verdict = new Verdict();

  constructor(seed: number, options: WorldOptions) {
    this.rng = seededRng(seed);
    this.options = options;
  }

  get servers(): readonly Server[] {
    return this.#servers;
  }

  async start(): Promise<void> {
    const onFail = (): void => this.#unsettle();
    const failing = { failPercent: 15, onFail };
    const store = openStore(this.#database, this.options, this.rng, failing);
    const server: { -readonly [K in keyof Server]?: Server[K] } = { store, isDead: false };
    const self = server as Server;
    const observer: DispatchObserver = {
      alertsSeen: () => [],
      attempted: () => [],
      regrouped: () => [],
      heldBecause: (_group, _id, labels) =>
        this.#isHeld(nameOf(labels)) ? "acknowledged" : undefined,
    };
    server.dispatcher = await Dispatcher.open({
      config: worldConfig(this.#configVariant),
      store,
      clock: this.clock,
      rng: this.rng,
      observer,
      silencedBy: (labels) => (this.#silenced.has(nameOf(labels)) ? ["some silence"] : []),
      createReceiver: ({ index }, receiver) => ({
        send: (outgoing, signal) => this.#receive(self, `${receiver}/${index}`, outgoing, signal),
      }),
      onProblem: () => {},
    });
    this.#servers.push(self);
    this.#unsettle();
    await this.announce();
  }

  /** As rules do every minute, and whoever posts: all that fires, and for a while what ended. */
  async announce(): Promise<void> {
    const nowMs = this.clock.nowMs();
    for (const { dispatcher } of this.#servers) {
      const alerts = RULE_ALERTS.flatMap((name) => {
        const firing = this.#firing.get(name);
        if (firing !== undefined) return [alertOf(name, firing.startsAtMs)];
        const ended = this.#ended.get(name);
        return ended === undefined || nowMs - ended.endsAtMs > ms("15m")
          ? []
          : [alertOf(name, ended.startsAtMs, ended.endsAtMs)];
      });
      await dispatcher.update(alerts);
    }
    const posted = this.#firing.get(POSTED_ALERT);
    const one = this.#servers[this.rng.below(Math.max(1, this.#servers.length))];
    if (posted === undefined || one === undefined) return;
    const { labels, annotations, generatorUrl } = alertOf(POSTED_ALERT, 0);
    const { startsAtMs } = posted;
    await one.dispatcher.post([{ labels, annotations, startsAtMs, generatorUrl }]);
  }

  /** One alert begins or ends. */
  async change(): Promise<void> {
    const name = NAMES[this.rng.below(NAMES.length)] as string;
    const nowMs = this.clock.nowMs();
    const firing = this.#firing.get(name);
    if (firing === undefined)
      this.#firing.set(name, { name, startsAtMs: nowMs, sinceMs: this.clock.monotonicMs() });
    else {
      this.#firing.delete(name);
      this.#ended.set(name, {
        startsAtMs: firing.startsAtMs,
        endsAtMs: Math.max(nowMs, firing.startsAtMs),
      });
      this.#noteEnd(firing);
      // A sender that goes away says nothing; mostly it says that it is over.
      const { labels, annotations, generatorUrl } = alertOf(name, 0);
      const { startsAtMs } = firing;
      const endsAtMs = Math.max(nowMs, startsAtMs);
      if (name === POSTED_ALERT && this.rng.chance(70))
        for (const { dispatcher } of this.#servers)
          await dispatcher.post([{ labels, annotations, startsAtMs, endsAtMs, generatorUrl }]);
    }
    await this.announce();
  }

  /** What fired through a flush while everything was at work must have been told, and its end too. */
  #noteEnd({ name, startsAtMs, sinceMs }: Episode): void {
    if (this.#silenced.has(name) || this.#isHeld(name)) {
      this.#mutedEnds.add(name);
      return;
    }
    this.#mutedEnds.delete(name);
    const [alertname = ""] = name.split("/");
    const heldUntilMs = (this.#held.get(alertname) ?? 0) - this.clock.nowMs();
    const freeSinceMs = heldUntilMs + this.clock.monotonicMs();
    const fromMs = Math.max(sinceMs, this.#wellSinceMs, freeSinceMs);
    if (this.clock.monotonicMs() - fromMs <= FLUSHED_WITHIN_MS) return;
    // Told of this time that it fired, or of one before whose end nobody has heard of.
    if (this.#believed.get(`team/0 ${name}`) !== true)
      this.#verdict.find(new Error(`nobody was told of ${name}, which fired since ${startsAtMs}`));
  }

  /** Something happened after which it takes a while until an alert is sure to be told. */
  #unsettle(): void {
    this.#wellSinceMs = this.clock.monotonicMs();
  }

  async toggleSuppression(): Promise<void> {
    this.#unsettle();
    const name = NAMES[this.rng.below(NAMES.length)] as string;
    if (this.rng.chance(50)) {
      if (!this.#silenced.delete(name)) this.#silenced.add(name);
      this.#mutedEnds.add(name);
      return;
    }
    const [alertname = ""] = name.split("/");
    this.#held.set(alertname, this.clock.nowMs() + this.rng.below(ms("30m")));
  }

  endSuppression(): void {
    this.#silenced.clear();
    this.#held.clear();
    this.#unsettle();
  }

  #isHeld(name: string): boolean {
    const [alertname = ""] = name.split("/");
    return this.clock.nowMs() < (this.#held.get(alertname) ?? 0);
  }

  jumpClock(): void {
    this.#unsettle();
    this.clock.jumpWall((this.rng.chance(50) ? 1 : -1) * this.rng.below(ms("3h")));
    this.#hasJumped = true;
  }

  async reload(): Promise<void> {
    this.#unsettle();
    this.#configVariant++;
    for (const { dispatcher } of this.#servers)
      await dispatcher.apply(worldConfig(this.#configVariant));
  }

  /** Death at any point: between two steps of whatever goes on. */
  async crash(): Promise<void> {
    const server = this.#servers.shift();
    if (server === undefined) return;
    // The next process does not know that the clock was set: to whom the end of these was told in vain, it seems too
    // long ago then.
    if (this.#hasJumped)
      for (const name of NAMES) if (!this.#firing.has(name)) this.#mutedEnds.add(name);
    await anyMoment(this.rng);
    this.#unsettle();
    // Or an orderly stop, which must not lose anything either.
    if (this.rng.chance(25)) await server.dispatcher[Symbol.asyncDispose]();
    server.isDead = true;
    server.store.kill();
    await server.dispatcher[Symbol.asyncDispose]();
  }

  async stop(): Promise<void> {
    for (const { dispatcher } of this.#servers.splice(0)) await dispatcher[Symbol.asyncDispose]();
  }

  /** Lets time pass, with everybody telling again what they tell. */
  async pass(durationMs: number): Promise<void> {
    for (let leftMs = durationMs; leftMs > 0; leftMs -= RESEND_MS) {
      await this.clock.advance(Math.min(leftMs, RESEND_MS));
      await this.announce();
      this.#verdict.throwFault();
    }
    await this.clock.advance(0);
    this.#verdict.throwFault();
  }

  /** Accepts, refuses for now or for good, answers late, or does the work and the answer is lost. */
  async #receive(
    server: Server,
    integration: string,
    outgoing: OutgoingNotification,
    signal: AbortSignal,
  ): Promise<Receipt> {
    this.#checkAttempt(server, integration, outgoing);
    if (this.trouble > 0 && this.rng.chance(25)) {
      const delayMs = this.rng.below(20_000);
      const hearsAnyway = this.rng.chance(50);
      try {
        await this.clock.sleep(delayMs, signal);
      } catch (error) {
        // The sender went away; what it had sent arrives all the same.
        if (hearsAnyway) this.#hear(integration, outgoing);
        throw error;
      }
    }
    if (this.rng.chance(this.trouble)) {
      this.#unsettle();
      throw this.rng.chance(20) ? rejected() : unavailable();
    }
    const accepted = this.#hear(integration, outgoing);
    if (this.rng.chance(this.trouble / 2)) {
      this.#unsettle();
      throw unavailable(); // It heard; the sender does not know.
    }
    return { state: accepted.key };
  }

  /** What holds for every attempt, whatever becomes of it. */
  #checkAttempt(server: Server, integration: string, outgoing: OutgoingNotification): void {
    this.#verdict.judge(() => {
      const { idempotencyKey, notification } = outgoing;
      const text = `${integration} ${notification.groupKey} ${wording(outgoing)}`;
      this.#verdict.checkText(idempotencyKey, text);
      if (server.isDead) return;
      const firing = notification.alerts.filter(({ endsAtMs }) => endsAtMs === null);
      const held = firing.filter(({ labels }) => this.#isHeld(nameOf(labels)));
      ok(
        firing.length === 0 || held.length < firing.length,
        `${text} pages though somebody is at it`,
      );
    });
  }

  #hear(integration: string, outgoing: OutgoingNotification): Accepted {
    const { idempotencyKey: key, notification } = outgoing;
    const text = wording(outgoing);
    const accepted: Accepted = {
      key,
      text,
      monotonicMs: this.clock.monotonicMs(),
    };
    this.#accepted
      .getOrInsertComputed(`${integration} ${notification.groupKey}`, () => [])
      .push(accepted);
    for (const { labels, endsAtMs } of notification.alerts) {
      const name = nameOf(labels);
      this.#believed.set(`${integration} ${name}`, endsAtMs === null);
    }
    return accepted;
  }

  /** After a long time in which all was well: people know how it stands. */
  async checkEnd(): Promise<void> {
    const kept = await this.#database.read((reader) =>
      reader.list("notification_outbox", { limit: 10 }),
    );
    ok(kept.length === 0, "nothing waits in the store that nobody sends");
    for (const name of NAMES) {
      const isFiring = this.#firing.has(name);
      const integrations = name.startsWith("Slow") ? ["team/0", "slow/0"] : ["team/0"];
      for (const integration of integrations) {
        const believed = this.#believed.get(`${integration} ${name}`) ?? false;
        if (isFiring) ok(believed, `${integration} was not told that ${name} fires`);
        // What was posted to end then ends then, whatever the clock does meanwhile.
        else if (!this.#mutedEnds.has(name) && !(name === POSTED_ALERT && this.options.clockJumps))
          ok(!believed, `${integration} was not told that ${name} is over`);
      }
      if (isFiring)
        ok(this.#believed.get(`team/1 ${name}`) === true, `team/1 was not told that ${name} fires`);
    }
    for (const { dispatcher } of this.#servers)
      ok(dispatcher.stats().outbox === 0, "nothing waits");
  }

  /** Where every answer arrived: nothing was told twice. */
  checkOnce(): void {
    for (const [where, all] of this.#accepted) {
      const keys = new Set<string>();
      let last: Accepted | undefined;
      for (const accepted of all) {
        ok(!keys.has(accepted.key), `${where} was told twice under one key: ${accepted.text}`);
        keys.add(accepted.key);
        const isRepeat =
          last?.text === accepted.text && accepted.monotonicMs - last.monotonicMs < ms("55m");
        ok(!isRepeat, `${where} was told twice: ${accepted.text}`);
        const gapMs = accepted.monotonicMs - (last?.monotonicMs ?? Number.NEGATIVE_INFINITY);
        ok(
          where.startsWith("slow/") ||
            gapMs >= GROUP_INTERVAL_MS ||
            last?.text.includes("+") === false,
          `${where} was told again after ${gapMs / 1000} s`,
        );
        last = accepted;
      }
    }
  }

  /** Nobody is told more often than groups are looked at. */
  checkCalm(lookCount: number): void {
    const passedMs = this.clock.monotonicMs() - START_MS;
    const max = lookCount + Math.ceil(passedMs / GROUP_INTERVAL_MS) * this.options.servers + 10;
    for (const [where, all] of this.#accepted) {
      if (where.startsWith("slow/")) continue;
      ok(
        all.length <= 2 * max,
        `${where} was told ${all.length} times in ${passedMs / 60_000} min`,
      );
    }
  }
}

/** What is said, and of which time that an alert fired. */
function wording({ notification }: OutgoingNotification): string {
  return notification.alerts
    .map(
      ({ labels, startsAtMs, endsAtMs }) =>
        `${endsAtMs === null ? "+" : "-"}${nameOf(labels)}@${startsAtMs - START_MS}`,
    )
    .join(" ");
}

/** Lives through one seed. Throws what must not be. */
export async function simulateDispatch(seed: number, options = optionsOf(seed)): Promise<void> {
  const world = new World(seed, options);
  const { rng } = world;
  for (let i = 0; i < options.servers; i++) await world.start();
  let lookCount = 0;
  for (let steps = 8 + rng.below(18); steps > 0; steps--) {
    world.trouble = options.trouble && rng.chance(50) ? rng.below(80) : 0;
    const happens = rng.below(100);
    lookCount++;
    if (happens < 60) {
      const changed = world.change();
      if (rng.chance(80)) await changed;
      else changed.catch(() => {}); // In flight when the next thing happens.
    } else if (happens < 75 && options.crashes) {
      await world.crash();
      if (rng.chance(30)) await world.pass(rng.below(ms("15m")));
      await world.start();
    } else if (happens < 87 && options.suppression) await world.toggleSuppression();
    else if (happens < 92 && options.clockJumps) world.jumpClock();
    else if (happens < 96 && options.reloads) await world.reload();
    if (rng.chance(90)) await world.pass(rng.below(ms("7m")));
    else await world.pass(rng.below(ms("40m")));
  }
  // In the end all is well, and everybody gets to know how it stands.
  world.trouble = 0;
  world.endSuppression();
  for (const { store } of world.servers) store.beforeCommit = () => {};
  await world.pass(ms("1h45m"));
  await world.checkEnd();
  world.checkCalm(lookCount);
  if (isCalm(options) && !options.reloads && !options.suppression) world.checkOnce();
  await world.stop();
}
