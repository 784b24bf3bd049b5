import { type Clock, OperatingError } from "@pharos/base";

/** What a query is for. Each kind has its own places and its own queue: none waits behind another. */
export const QUERY_SOURCES = ["ad-hoc", "dashboard"] as const;
export type QuerySource = (typeof QUERY_SOURCES)[number];

export interface SchedulerLimits {
  /** Queries of one source that are evaluated at once. */
  readonly concurrentMax: number;
  /** Queries of one user that are evaluated at once, of all sources together. */
  readonly concurrentPerUserMax: number;
  /** Queries of one source that wait for their turn; a single user may take half of the places. */
  readonly queuedMax: number;
}

/** Who asks, and how long that may take to begin. */
export interface Applicant {
  readonly source: QuerySource;
  /** A name, or the address of the client. */
  readonly user: string;
  /** After so long without a turn it ends with `query.timeout`. */
  readonly waitMsMax: number;
  /** Gives the place in the queue up, with its reason. */
  readonly signal: AbortSignal;
}

/** A place among the queries that are evaluated, until it is released. */
export interface Admission {
  readonly waitedMs: number;
  /** May be called again. */
  release(): void;
}

export interface SchedulerStats {
  readonly running: number;
  readonly waiting: number;
  /** Since the start: queries that found the queue full, and those whose turn did not come in time. */
  readonly refused: number;
  readonly expired: number;
}

interface Waiter {
  readonly begin: () => void;
}

/** What one source has: how many run, and who waits, by user in the order of their turns. */
class Lane {
  running = 0;
  waiting = 0;
  refused = 0;
  expired = 0;
  readonly users = new Map<string, Set<Waiter>>();

  add(user: string, waiter: Waiter): void {
    const list = this.users.get(user);
    if (list === undefined) this.users.set(user, new Set([waiter]));
    else list.add(waiter);
    this.waiting++;
  }

  /** Answers whether it waited. */
  remove(user: string, waiter: Waiter): boolean {
    const list = this.users.get(user);
    if (list?.delete(waiter) !== true) return false;
    this.waiting--;
    if (list.size === 0) this.users.delete(user);
    return true;
  }
}

/**
 * Decides when a query may begin. Where places are free it begins at once; else users take turns, one query each, so
 * that somebody with a hundred queries delays somebody with one by one query.
 */
export class QueryScheduler {
  readonly #clock: Clock;
  readonly #limits: SchedulerLimits;
  readonly #lanes: Readonly<Record<QuerySource, Lane>> = {
    "ad-hoc": new Lane(),
    dashboard: new Lane(),
  };
  /** Queries that are evaluated, by user; no entry for none. */
  readonly #runningOf = new Map<string, number>();

  constructor(clock: Clock, limits: SchedulerLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get limits(): SchedulerLimits {
    return this.#limits;
  }

  stats(source: QuerySource): SchedulerStats {
    const { running, waiting, refused, expired } = this.#lanes[source];
    return { running, waiting, refused, expired };
  }

  /**
   * Resolves when the query may begin.
   *
   * @throws OperatingError `query.too_many` where the queue is full, `query.timeout` where the turn does not come in
   * time; the signal's reason.
   */
  async enter({ source, user, waitMsMax, signal }: Applicant): Promise<Admission> {
    signal.throwIfAborted();
    const lane = this.#lanes[source];
    if (lane.running < this.#limits.concurrentMax && this.#mayRun(user) && !lane.users.has(user))
      return this.#begin(lane, user, 0);
    this.#checkRoom(lane, source, user);
    const startedMs = this.#clock.monotonicMs();
    const turn = Promise.withResolvers<Admission>();
    const waiter: Waiter = {
      begin: () => turn.resolve(this.#begin(lane, user, this.#clock.monotonicMs() - startedMs)),
    };
    lane.add(user, waiter);
    const settled = new AbortController();
    this.#clock.sleep(waitMsMax, AbortSignal.any([signal, settled.signal])).then(
      () => {
        if (!lane.remove(user, waiter)) return; // Its turn has come.
        lane.expired++;
        turn.reject(this.#tooLate(source, user, waitMsMax));
      },
      (reason: unknown) => {
        if (lane.remove(user, waiter)) turn.reject(reason);
      },
    );
    try {
      return await turn.promise;
    } finally {
      settled.abort();
    }
  }

  #mayRun(user: string): boolean {
    return (this.#runningOf.get(user) ?? 0) < this.#limits.concurrentPerUserMax;
  }

  #begin(lane: Lane, user: string, waitedMs: number): Admission {
    lane.running++;
    this.#runningOf.set(user, (this.#runningOf.get(user) ?? 0) + 1);
    let running = true;
    const release = (): void => {
      if (!running) return;
      running = false;
      lane.running--;
      const left = (this.#runningOf.get(user) ?? 0) - 1;
      if (left > 0) this.#runningOf.set(user, left);
      else this.#runningOf.delete(user);
      // The user's next query may be one of another source.
      for (const source of QUERY_SOURCES) this.#fill(this.#lanes[source]);
    };
    return { waitedMs, release };
  }

  /** Gives free places to those who wait, each user in turn. */
  #fill(lane: Lane): void {
    while (lane.running < this.#limits.concurrentMax) {
      let next: readonly [user: string, waiter: Waiter] | undefined;
      for (const [user, waiters] of lane.users) {
        if (!this.#mayRun(user)) continue;
        const [waiter] = waiters;
        if (waiter !== undefined) next = [user, waiter];
        break;
      }
      if (next === undefined) return;
      const [user, waiter] = next;
      lane.remove(user, waiter);
      const others = lane.users.get(user);
      if (others !== undefined) {
        // To the end of the line.
        lane.users.delete(user);
        lane.users.set(user, others);
      }
      waiter.begin();
    }
  }

  /** @throws OperatingError `query.too_many`. */
  #checkRoom(lane: Lane, source: QuerySource, user: string): void {
    const { queuedMax } = this.#limits;
    const queuedPerUserMax = Math.ceil(queuedMax / 2);
    const ofUser = lane.users.get(user)?.size ?? 0;
    if (lane.waiting < queuedMax && ofUser < queuedPerUserMax) return;
    lane.refused++;
    const whose =
      lane.waiting < queuedMax
        ? `${user} has ${ofUser} ${source} queries waiting already, which is half of the queue`
        : `${lane.waiting} ${source} queries wait already`;
    throw new OperatingError(
      "query.too_many",
      `too many queries: ${whose}; try again shortly, or raise --query-max-queued (${queuedMax})`,
    );
  }

  /** Begins as Prometheus words it, and says what the query waited for. */
  #tooLate(source: QuerySource, user: string, waitMsMax: number): OperatingError {
    const { concurrentMax, concurrentPerUserMax } = this.#limits;
    const why = this.#mayRun(user)
      ? `${concurrentMax} ${source} queries run at once at most (--query-max-concurrency)`
      : `${user} runs ${concurrentPerUserMax} queries at once at most (--query-max-concurrency-per-user)`;
    return new OperatingError(
      "query.timeout",
      `query timed out in query queue after ${Math.round(waitMsMax)} ms: ${why}`,
    );
  }
}
