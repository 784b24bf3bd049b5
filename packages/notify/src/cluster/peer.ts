import { type Clock, OperatingError } from "@pharos/base";
import { Alarm } from "../alarm.ts";
import {
  type ClaimAnswer,
  type ClusterTransport,
  type ClusterUpdate,
  type UpdatesAnswer,
  updateKey,
} from "./cluster-message.ts";

/** How often a peer hears from us, if only that we are there. */
export const PING_INTERVAL_MS = 3000;
/** How often both compare what they know. */
export const EXCHANGE_INTERVAL_MS = 60_000;
/** After a failure the next try is so much later. */
const RETRY_MS = 1000;
/** Updates that wait for one peer; beyond it all are let go, and the next comparison brings them. */
export const UPDATES_WAITING_MAX = 20_000;
/** Updates of one request. */
export const UPDATES_AT_ONCE_MAX = 500;

export interface PeerOptions {
  /** Where it is, for the transport. */
  readonly address: string;
  /** Our own name, */
  readonly name: string;
  /** and what tells us from another server of that name. */
  readonly instance: string;
  readonly transport: ClusterTransport;
  readonly clock: Clock;
  /** Without a word for so long, a peer is down. */
  readonly timeoutMs: number;
  /** Of what we know. */
  readonly digest: () => string;
  readonly state: () => readonly ClusterUpdate[];
  readonly onUpdates: (updates: readonly ClusterUpdate[]) => Promise<void>;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Another server, as this one knows it: what it is to hear, and whether it is there. */
export class Peer {
  readonly address: string;
  readonly #options: PeerOptions;
  readonly #stop = new AbortController();
  readonly #alarm: Alarm;
  /** By what they are about; in order. */
  readonly #waiting = new Map<string, ClusterUpdate>();
  #name = "";
  /** This server itself, or another one that was given our name: neither is told anything. */
  #kind: "other" | "self" | "namesake" = "other";
  #heardMs: number;
  #hasExchanged = false;
  #isExchangeDue = true;
  #exchangeAtMs = 0;
  #isReported = false;
  #sentCount = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PeerOptions) {
    this.address = options.address;
    this.#options = options;
    this.#alarm = new Alarm(options.clock, this.#stop.signal);
    // Nothing is known of it yet: it is waited for as if it had just been heard.
    this.#heardMs = options.clock.monotonicMs();
  }

  start(): void {
    this.#running = this.#run();
  }

  /** As it calls itself; "" until it has answered. */
  get name(): string {
    return this.#name;
  }

  /** Whether it is this server itself: all servers may be given the same list. */
  get isSelf(): boolean {
    return this.#kind === "self";
  }

  get isUp(): boolean {
    return this.#kind === "other" && this.heardAgoMs < this.#options.timeoutMs;
  }

  get heardAgoMs(): number {
    return this.#options.clock.monotonicMs() - this.#heardMs;
  }

  /** Updates that it is still to be told, */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** and those that it was told. */
  get sent(): number {
    return this.#sentCount;
  }

  /** Whether what it knew at our start is known here, or there is nobody to ask. */
  get isSettled(): boolean {
    return this.#hasExchanged || !this.isUp;
  }

  /** It was heard of. */
  heard(name: string): void {
    if (!this.isUp) this.#isExchangeDue = true; // Much may have been missed.
    this.#name = name;
    this.#heardMs = this.#options.clock.monotonicMs();
    if (this.#isExchangeDue) this.#alarm.ring();
  }

  tell(updates: readonly ClusterUpdate[]): void {
    if (this.#kind !== "other") return;
    for (const update of updates) {
      const key = updateKey(update);
      this.#waiting.delete(key); // The newest goes last: what it follows from is told before.
      this.#waiting.set(key, update);
    }
    if (this.#waiting.size > UPDATES_WAITING_MAX) {
      this.#waiting.clear();
      this.#isExchangeDue = true;
    }
    this.#alarm.ring();
  }

  /** Undefined where it did not answer. */
  async claim(slot: string, knownMs: number): Promise<ClaimAnswer | undefined> {
    const { transport, name } = this.#options;
    const { signal } = this.#stop;
    try {
      const answer = await transport.claim(this.address, { from: name, slot, knownMs }, signal);
      this.#answered(answer);
      return answer;
    } catch (error) {
      if (!(error instanceof OperatingError) && !signal.aborted) throw error;
      return undefined;
    }
  }

  #answered({ name, instance }: UpdatesAnswer): void {
    if (name === this.#options.name) this.#leaveAlone(name, instance);
    else this.heard(name);
  }

  #leaveAlone(name: string, instance: string): void {
    this.#name = name;
    this.#kind = instance === this.#options.instance ? "self" : "namesake";
    if (this.#kind === "namesake") {
      const text = `${this.address} is another server that is called ${name} as well: nothing is shared with it until each has a --replica-name of its own and both are started again`;
      this.#options.onProblem(new OperatingError("config.invalid", text), "looking for peers");
    }
    this.#waiting.clear();
    this.#stop.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    let pauseMs = 0;
    while (!signal.aborted) {
      try {
        if (pauseMs > 0) await clock.sleep(pauseMs, signal);
        const { bell } = this.#alarm;
        if (this.#isExchangeDue || clock.monotonicMs() >= this.#exchangeAtMs)
          await this.#exchange();
        signal.throwIfAborted(); // It was one to be left alone.
        await this.#send();
        this.#isReported = false;
        pauseMs = 0;
        if (this.#waiting.size === 0) await this.#alarm.waitFor(PING_INTERVAL_MS, bell);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof OperatingError)) throw error;
        pauseMs = RETRY_MS;
        // A restart of it is no trouble.
        if (this.isUp || this.#isReported) continue;
        this.#options.onProblem(error, `telling ${this.address}, which is down`);
        this.#isReported = true;
      }
    }
  }

  /** What waits, or that we are there. */
  async #send(): Promise<void> {
    const { transport, name } = this.#options;
    const batch = [...this.#waiting].slice(0, UPDATES_AT_ONCE_MAX);
    const updates = batch.map(([, update]) => update);
    const answer = await transport.updates(
      this.address,
      { from: name, updates },
      this.#stop.signal,
    );
    this.#sentCount += updates.length;
    this.#answered(answer);
    for (const [key, update] of batch)
      if (this.#waiting.get(key) === update) this.#waiting.delete(key);
  }

  /** Takes what it knows and we do not; tells it all that we know where that differs. */
  async #exchange(): Promise<void> {
    const { transport, name, digest, state, onUpdates, clock } = this.#options;
    const request = { from: name, digest: digest() };
    const answer = await transport.state(this.address, request, this.#stop.signal);
    if (answer.digest !== request.digest) {
      await onUpdates(answer.updates);
      if (answer.digest !== digest()) this.tell(state());
    }
    this.#isExchangeDue = false;
    this.#hasExchanged = true;
    this.#exchangeAtMs = clock.monotonicMs() + EXCHANGE_INTERVAL_MS;
    this.#answered(answer);
  }
}
