import type { GroupAlert } from "@pharos/alert";
import {
  type Clock,
  type Labels,
  labelsFrom,
  type Matcher,
  matchesLabels,
  OperatingError,
  quote,
  StoredJson,
} from "@pharos/base";
import type { DocumentStore, StoredDocument } from "@pharos/ports";
import { Periodic } from "../periodic.ts";

/** The collection of what was heard of, by name; on disk for ever. */
export const HEARTBEAT_COLLECTION = "heartbeats";

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;
const LOOK_INTERVAL_MS = 15_000;
/** What is heard of again sooner than this is not written again. */
const WRITE_INTERVAL_MS = 10_000;
/** Expected heartbeats that are read from the store. */
const HEARTBEATS_MAX = 1000;

export const HEARTBEAT_MISSING = "HeartbeatMissing";

/** What must be heard of again within a time: an alert that fires, or a request that comes. */
export interface WatchedHeartbeat {
  readonly name: string;
  /** Of the alert; empty where only requests count. */
  readonly matchers: readonly Matcher[];
  readonly withinMs: number;
  readonly severity: string;
}

export interface HeartbeatStatus {
  readonly name: string;
  readonly withinMs: number;
  /** Null where it was never heard of. */
  readonly lastSeenMs: number | null;
  /** Since when it stays away; null while it is there. */
  readonly missingSinceMs: number | null;
}

export interface HeartbeatWatchOptions {
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly dispatcher: {
    update(alerts: readonly GroupAlert[]): Promise<void>;
    alerts(): readonly { readonly alert: { readonly labels: Labels } }[];
  };
  readonly expected: () => readonly WatchedHeartbeat[];
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** What is known of one heartbeat. */
interface Beat {
  /** On the monotonic clock, so that a clock that is set does not make everything late; from a start on at first. */
  seenMonotonicMs: number;
  lastSeenMs: number | null;
  missingSinceMs: number | null;
  writtenMs: number;
}

/**
 * Fires the alert `HeartbeatMissing` where something stays away that must be heard of: an alert that another system
 * keeps firing while it works, or a request that it sends. After a start each has its whole time again.
 */
export class HeartbeatWatch implements AsyncDisposable {
  readonly #options: HeartbeatWatchOptions;
  readonly #beats = new Map<string, Beat>();
  readonly #severities = new Map<string, string>();
  readonly #periodic: Periodic;

  private constructor(options: HeartbeatWatchOptions, known: readonly StoredDocument[]) {
    const { clock, onProblem } = options;
    this.#options = options;
    for (const document of known) this.#take(document);
    this.#periodic = new Periodic({
      clock,
      startsWith: "turn",
      waitMs: () => LOOK_INTERVAL_MS,
      turn: () => this.#look(),
      onProblem: (error) => onProblem(error, "watching heartbeats"),
    });
  }

  /** @throws OperatingError of the store. */
  static async open(options: HeartbeatWatchOptions): Promise<HeartbeatWatch> {
    return new HeartbeatWatch(options, await readAll(options.store));
  }

  list(): readonly HeartbeatStatus[] {
    return this.#options.expected().map(({ name, withinMs }) => {
      const { lastSeenMs = null, missingSinceMs = null } = this.#beats.get(name) ?? {};
      return { name, withinMs, lastSeenMs, missingSinceMs };
    });
  }

  /**
   * Somebody says that it is alive. Resolves when other servers can know it.
   *
   * @throws OperatingError `not_found` for a name that nobody expects; of the store.
   */
  async hear(name: string): Promise<void> {
    const expected = this.#options.expected().find((each) => each.name === name);
    if (expected === undefined)
      throw new OperatingError(
        "not_found",
        `nobody expects a heartbeat ${quote(name)}; list it under dead_mans_switch.expect`,
      );
    const beat = this.#beatOf(name);
    const wasMissing = this.#seen(beat);
    if (wasMissing !== null) await this.#tell([this.#alert(expected, wasMissing, this.#nowMs)]);
    const isDue = this.#nowMs - beat.writtenMs >= WRITE_INTERVAL_MS;
    if (isDue || wasMissing !== null) await this.#write(name, beat);
  }

  get #nowMs(): number {
    return this.#options.clock.nowMs();
  }

  async #look(): Promise<void> {
    const { store, clock, dispatcher, expected } = this.#options;
    if (store.shared) for (const document of await readAll(store)) this.#take(document);
    const all = expected();
    const watched = all.filter(({ matchers }) => matchers.length > 0);
    const firing = watched.length === 0 ? [] : dispatcher.alerts();
    const told: GroupAlert[] = [];
    for (const each of all) {
      const { name, matchers, withinMs } = each;
      const beat = this.#beatOf(name);
      this.#severities.set(name, each.severity);
      const before = beat.missingSinceMs;
      const isHeard =
        matchers.length > 0 && firing.some(({ alert }) => matchesLabels(matchers, alert.labels));
      if (isHeard) this.#seen(beat);
      else if (before === null && clock.monotonicMs() - beat.seenMonotonicMs > withinMs)
        beat.missingSinceMs = this.#nowMs;
      const { missingSinceMs } = beat;
      // Told again each time, as rules do: what fires must be heard of.
      if (missingSinceMs !== null) told.push(this.#alert(each, missingSinceMs, null));
      else if (before !== null) told.push(this.#alert(each, before, this.#nowMs));
      const isDue = isHeard && this.#nowMs - beat.writtenMs >= LOOK_INTERVAL_MS;
      if (isDue || before !== missingSinceMs) await this.#write(name, beat);
    }
    told.push(...this.#forgotten(all));
    if (told.length > 0) await this.#tell(told);
  }

  /** What nobody expects any more is not missing. */
  #forgotten(expected: readonly WatchedHeartbeat[]): GroupAlert[] {
    const names = new Set(expected.map(({ name }) => name));
    const ended: GroupAlert[] = [];
    for (const [name, { missingSinceMs }] of this.#beats) {
      if (names.has(name)) continue;
      this.#beats.delete(name);
      const severity = this.#severities.get(name);
      this.#severities.delete(name);
      if (missingSinceMs !== null && severity !== undefined)
        ended.push(
          this.#alert({ name, severity, withinMs: 0, matchers: [] }, missingSinceMs, this.#nowMs),
        );
    }
    return ended;
  }

  #beatOf(name: string): Beat {
    return this.#beats.getOrInsertComputed(name, () => ({
      seenMonotonicMs: this.#options.clock.monotonicMs(),
      ...{ lastSeenMs: null, missingSinceMs: null, writtenMs: Number.NEGATIVE_INFINITY },
    }));
  }

  /** Since when it had been missing; null where it was not. */
  #seen(beat: Beat): number | null {
    const { missingSinceMs } = beat;
    beat.seenMonotonicMs = this.#options.clock.monotonicMs();
    beat.lastSeenMs = this.#nowMs;
    beat.missingSinceMs = null;
    return missingSinceMs;
  }

  /** Takes what this server, or another, knew. */
  #take(document: StoredDocument): void {
    try {
      const root = new StoredJson(document.body, `heartbeat ${document.id}`);
      root.member("version").version(FORMAT_VERSION);
      const [lastSeenMs, missingSinceMs] = ["lastSeenMs", "missingSinceMs"].map((name) => {
        const value = root.member(name);
        return value.isNull() ? null : value.number();
      }) as [number | null, number | null];
      const known = this.#beats.get(document.id);
      const beat = this.#beatOf(document.id);
      if (known !== undefined && (lastSeenMs ?? 0) <= (known.lastSeenMs ?? 0)) return;
      beat.lastSeenMs = lastSeenMs;
      beat.missingSinceMs = missingSinceMs;
      if (known !== undefined) beat.seenMonotonicMs = this.#options.clock.monotonicMs();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#options.onProblem(error, "reading a heartbeat");
    }
  }

  async #write(name: string, beat: Beat): Promise<void> {
    const { lastSeenMs, missingSinceMs } = beat;
    beat.writtenMs = this.#nowMs;
    const body = { version: FORMAT_VERSION, lastSeenMs, missingSinceMs };
    const document = { id: name, body, sortKey: lastSeenMs ?? 0 };
    await this.#options.store.transaction((tx) => tx.putAll(HEARTBEAT_COLLECTION, [document]));
  }

  #alert(
    { name, severity, withinMs }: WatchedHeartbeat,
    startsAtMs: number,
    endsAtMs: number | null,
  ): GroupAlert {
    const summary = `${name} was not heard of for ${Math.round(withinMs / 1000)} s`;
    return {
      labels: labelsFrom({ alertname: HEARTBEAT_MISSING, heartbeat: name, severity }),
      annotations: [["summary", summary]],
      ...{ startsAtMs, endsAtMs },
      generatorUrl: "",
    };
  }

  #tell(alerts: readonly GroupAlert[]): Promise<void> {
    return this.#options.dispatcher.update(alerts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#periodic[Symbol.asyncDispose]();
  }
}

function readAll(store: DocumentStore): Promise<readonly StoredDocument[]> {
  return store.read((reader) => reader.list(HEARTBEAT_COLLECTION, { limit: HEARTBEATS_MAX }));
}
