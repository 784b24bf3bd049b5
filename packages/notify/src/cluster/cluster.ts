import { assert, type Clock, OperatingError } from "@pharos/base";
import { hashOf } from "../dispatch/idempotency-key.ts";
import { ClaimTable } from "./claim-table.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  ClusterTransport,
  ClusterUpdate,
  Hello,
  StateAnswer,
  StateRequest,
  ToldUpdate,
  UpdatesAnswer,
  UpdatesRequest,
} from "./cluster-message.ts";
import { Peer } from "./peer.ts";
import { ToldBook } from "./told-book.ts";

/** Without a word for so long, a peer is down; as Alertmanager's `--cluster.peer-timeout`. */
export const PEER_TIMEOUT_MS = 15_000;
const COLLECTING_INTERVAL_MS = 60_000;

/** What the rest of the program does with what peers tell. */
export interface ClusterParts {
  /** Somebody was told of a group. @throws OperatingError for a document that cannot be read. */
  takeTold(update: ToldUpdate): Promise<void>;
  /** Anything else. @throws OperatingError for what cannot be read, and of the store. */
  takeUpdate(update: Exclude<ClusterUpdate, ToldUpdate>): Promise<void>;
  /** All that a peer must know beside what was told. */
  state(): Iterable<Exclude<ClusterUpdate, ToldUpdate>>;
}

export interface ClusterOptions {
  /** Another one than any peer's. */
  readonly name: string;
  /** Nobody else's, drawn at this start: so a server in the list knows itself. */
  readonly instance: string;
  readonly peers: readonly string[];
  readonly transport: ClusterTransport;
  readonly clock: Clock;
  readonly timeoutMs?: number;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** How it stands with a server of the cluster. */
export interface ClusterMember {
  readonly name: string;
  readonly address: string;
  readonly isUp: boolean;
  /** How long ago it was heard of; of one that never was, how long ago this server began to listen. */
  readonly heardAgoMs: number;
  /** What it is still to be told. */
  readonly waiting: number;
  /** What it was told since the start. */
  readonly sent: number;
}

/**
 * Servers that share no database and tell each other what each needs to go on alone: alerts, silences, what people do
 * about incidents, and what was told.
 *
 * Before one sends, it asks the first server that is up, in the order of their names, which may be itself. That one
 * says no while another one is at it, and what was told where the asking server did not know. Whoever gets no answer
 * asks again until the silent server is taken to be down, and then the next one. So all goes well: one sends. In two
 * parts that do not hear of each other: each sends.
 */
export class Cluster implements AsyncDisposable {
  readonly name: string;
  readonly #options: ClusterOptions;
  readonly #peers: readonly Peer[];
  readonly #told = new ToldBook();
  readonly #claims = new ClaimTable();
  readonly #stop = new AbortController();
  #parts: ClusterParts | undefined;
  #receivedCount = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ClusterOptions) {
    const {
      name,
      instance,
      peers,
      transport,
      clock,
      timeoutMs = PEER_TIMEOUT_MS,
      onProblem,
    } = options;
    this.name = name;
    this.#options = options;
    this.#peers = peers.map(
      (address) =>
        new Peer({
          ...{ address, name, instance, transport, clock, timeoutMs, onProblem },
          digest: () => this.#digest(),
          state: () => this.#state(),
          onUpdates: (updates) => this.#take(updates),
        }),
    );
  }

  /** Begins to talk. `told` is what is known from before. */
  start(parts: ClusterParts, told: Iterable<ToldUpdate>): void {
    this.#parts = parts;
    for (const update of told) this.#told.take(update);
    for (const peer of this.#peers) peer.start();
    this.#running = this.#collect();
  }

  members(): readonly ClusterMember[] {
    return this.#peers
      .filter(({ isSelf }) => !isSelf)
      .map(({ name, address, isUp, heardAgoMs, waiting, sent }) => ({
        ...{ name, address, isUp, heardAgoMs, waiting, sent },
      }));
  }

  /** What peers have told this server since the start. */
  get receivedCount(): number {
    return this.#receivedCount;
  }

  /** Whether what the others know is known here. */
  get isSettled(): boolean {
    return this.#peers.every((peer) => peer.isSettled);
  }

  /** Tells all peers, some time soon. */
  tell(updates: readonly ClusterUpdate[]): void {
    for (const peer of this.#peers) peer.tell(updates);
  }

  /** A slot was told by this server, or in vain. */
  settled(slot: string, nowMs: number, document: (settledAtMs: number) => ToldUpdate["document"]) {
    const settledAtMs = this.#told.nextMs(slot, nowMs);
    const update: ToldUpdate = { kind: "told", slot, settledAtMs, document: document(settledAtMs) };
    this.#told.take(update);
    this.#claims.release(slot);
    this.tell([update]);
  }

  /** When a slot was told last, by whatever server; 0 for never. */
  toldAtMs(slot: string): number {
    return this.#told.get(slot)?.settledAtMs ?? 0;
  }

  /**
   * Whether this server may send what it has for a slot: "wait" for to ask again a second later. Where it was told
   * already, `takeTold` has been called before "told" is answered.
   */
  async claim(slot: string): Promise<ClaimAnswer["claim"]> {
    if (!this.isSettled) return "wait";
    const first = this.#first();
    const knownMs = this.toldAtMs(slot);
    if (first === undefined) return this.#grant(slot, this.name) ? "granted" : "wait";
    const answer = await first.claim(slot, knownMs);
    if (answer === undefined) return "wait";
    if (answer.told !== null) await this.#take([answer.told]);
    return answer.claim;
  }

  /** Another server asks. */
  async answerClaim({ from, slot, knownMs }: ClaimRequest): Promise<ClaimAnswer> {
    this.#heard({ from });
    const self = this.#self;
    const told = this.#told.get(slot);
    if (told !== undefined && told.settledAtMs > knownMs) return { ...self, claim: "told", told };
    const isGranted = this.isSettled && this.#grant(slot, from);
    return { ...self, claim: isGranted ? "granted" : "wait", told: null };
  }

  async answerUpdates({ from, updates }: UpdatesRequest): Promise<UpdatesAnswer> {
    this.#heard({ from });
    await this.#take(updates);
    return this.#self;
  }

  async answerState({ from, digest }: StateRequest): Promise<StateAnswer> {
    this.#heard({ from });
    const own = this.#digest();
    return { ...this.#self, digest: own, updates: own === digest ? [] : this.#state() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#running, ...this.#peers.map((peer) => peer.stop())]);
  }

  get #self(): UpdatesAnswer {
    const { name, instance } = this.#options;
    return { name, instance };
  }

  #grant(slot: string, by: string): boolean {
    const isUp = (name: string): boolean =>
      name === this.name || this.#peers.some((peer) => peer.name === name && peer.isUp);
    return this.#claims.claim(slot, by, isUp, this.#options.clock.monotonicMs());
  }

  /** Who is asked first: undefined for this server itself. One that has not told its name yet comes before all. */
  #first(): Peer | undefined {
    let first: Peer | undefined;
    for (const peer of this.#peers)
      if (peer.isUp && peer.name < (first?.name ?? this.name)) first = peer;
    return first;
  }

  /** We know who asks by its name; where it is, only by what it answers. */
  #heard({ from }: Hello): void {
    if (from !== this.name) this.#peers.find(({ name }) => name === from)?.heard(from);
  }

  async #take(updates: readonly ClusterUpdate[]): Promise<void> {
    const parts = this.#parts;
    assert(parts !== undefined, "nobody asks before the start");
    this.#receivedCount += updates.length;
    for (const update of updates) {
      try {
        if (update.kind !== "told") await parts.takeUpdate(update);
        else if (this.#told.take(update)) {
          await parts.takeTold(update);
          this.#claims.release(update.slot);
        }
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        // One that is damaged, or that there is no room for, is no reason to refuse the others.
        this.#options.onProblem(error, "taking in what a peer tells");
      }
    }
  }

  #state(): readonly ClusterUpdate[] {
    return [...this.#told.values(), ...(this.#parts?.state() ?? [])];
  }

  /** The same where both know the same of what lasts; posted alerts are told again as long as they fire. */
  #digest(): string {
    const known = [...this.#told.values()].map(({ slot, settledAtMs }) => `${slot} ${settledAtMs}`);
    for (const update of this.#parts?.state() ?? [])
      if (update.kind !== "alert") known.push(JSON.stringify(update));
    return hashOf(...known.sort());
  }

  async #collect(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    try {
      for (;;) {
        await clock.sleep(COLLECTING_INTERVAL_MS, signal);
        this.#told.collect(clock.nowMs());
        this.#claims.collect(clock.monotonicMs());
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
