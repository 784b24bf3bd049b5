import { type Clock, OperatingError, StoredJson } from "@pharos/base";
import type { DocumentStore, DocumentTransaction, StoredDocument } from "@pharos/ports";

/** The collection of the servers that share the store; on disk for as long as they are at work. */
export const SERVER_COLLECTION = "servers";
/** How often each server says that it is at work. */
export const BEAT_INTERVAL_MS = 3000;
/** Whoever has said nothing for so long is taken to be dead, and others send what it had. */
export const SILENT_MS_MAX = 15_000;

const VERSION = 1;
/** More servers than this do not hear of each other's deaths; leases run out all the same. */
const SERVERS_MAX = 1000;

export interface HeartbeatsOptions {
  /** Names this process. */
  readonly server: string;
  readonly store: DocumentStore;
  readonly clock: Clock;
}

interface Other {
  beats: number;
  /** When the number changed last, by our monotonic clock. */
  heardMs: number;
  /** It has said that it ends. */
  ended: boolean;
}

/**
 * Which of the servers of one store are at work. Each counts on in a document of its own, and whoever watches takes the
 * time: clocks of two servers are never compared.
 */
export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #others = new Map<string, Other>();
  #beats = 0;
  /** When all was well last, by our monotonic clock. */
  #beatMs = Number.NEGATIVE_INFINITY;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  /** Whether others are sure to take this server to be alive, for a while yet. */
  get isHeard(): boolean {
    return this.#options.clock.monotonicMs() - this.#beatMs < SILENT_MS_MAX / 2;
  }

  /** Nothing is known of a server that has never been seen. */
  isDead(server: string): boolean {
    const other = this.#others.get(server);
    if (other === undefined) return false;
    return other.ended || this.#beatMs - other.heardMs >= SILENT_MS_MAX;
  }

  dead(): string[] {
    return [...this.#others.keys()].filter((server) => this.isDead(server));
  }

  /** Says that this server is at work, and hears who else is. Where the store fails, nobody has died meanwhile. */
  async beat(): Promise<void> {
    const { store, clock } = this.#options;
    let documents: readonly StoredDocument[];
    try {
      documents = await store.transaction(async (tx) => {
        await this.#put(tx, false);
        return tx.list(SERVER_COLLECTION, { limit: SERVERS_MAX });
      });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      return; // Others say that the store fails.
    }
    const nowMs = clock.monotonicMs();
    // Nobody could be heard for a while, because of the store or of this process: that is no silence of theirs.
    if (nowMs - this.#beatMs > SILENT_MS_MAX / 2)
      for (const other of this.#others.values()) other.heardMs = nowMs;
    this.#beatMs = nowMs;
    const present = new Set<string>();
    for (const document of documents) {
      present.add(document.id);
      this.#hear(document, nowMs);
    }
    for (const server of this.#others.keys()) if (!present.has(server)) this.#others.delete(server);
  }

  /** What this server has is for the others now; nothing more is to be leased. */
  async end(): Promise<void> {
    try {
      await this.#options.store.transaction((tx) => this.#put(tx, true));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error; // They find out by its silence.
    }
  }

  /** Forgets a dead server of which nothing is left. */
  async bury(tx: DocumentTransaction, server: string): Promise<void> {
    await tx.delete(SERVER_COLLECTION, server);
  }

  #put(tx: DocumentTransaction, ended: boolean): Promise<void> {
    const { server, clock } = this.#options;
    this.#beats++;
    const body = { version: VERSION, beats: this.#beats, ended };
    return tx.put(SERVER_COLLECTION, { id: server, body, sortKey: clock.nowMs() });
  }

  #hear({ id, body }: StoredDocument, nowMs: number): void {
    if (id === this.#options.server) return;
    const root = new StoredJson(body, `server ${id}`);
    let heard: Omit<Other, "heardMs">;
    try {
      root.member("version").version(VERSION);
      heard = { beats: root.member("beats").number(), ended: root.member("ended").boolean() };
    } catch (error) {
      if (error instanceof OperatingError) return; // Of a newer version: its leases run out.
      throw error;
    }
    const before = this.#others.get(id);
    const heardMs = before?.beats === heard.beats ? before.heardMs : nowMs;
    this.#others.set(id, { ...heard, heardMs });
  }
}
