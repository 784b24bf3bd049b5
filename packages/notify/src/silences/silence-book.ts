import {
  checkSilenceCount,
  expireSilence,
  isSilenceForgotten,
  SILENCE_RETENTION_MS,
  SILENCES_MAX,
  type Silence,
  type SilenceDraft,
  SilenceIndex,
  setSilence,
  validateSilence,
} from "@pharos/alert";
import { type Clock, type Labels, OperatingError } from "@pharos/base";
import type {
  DocumentReader,
  DocumentStore,
  DocumentTransaction,
  StoredDocument,
} from "@pharos/ports";
import { ChangeFollower } from "../change-follower.ts";
import { Periodic } from "../periodic.ts";
import { SILENCE_COLLECTION, silenceFromDocument, silenceToDocument } from "./silence-documents.ts";

/** Documents that are read, or deleted, at once. */
const PAGE_SIZE = 1000;
/** How often is forgotten what is over for long. */
const COLLECTING_INTERVAL_MS = 15 * 60_000;

export interface SilenceBookOptions {
  readonly store: DocumentStore;
  readonly clock: Clock;
  /** Gives a UUID that nobody else gives: Alertmanager's clients take nothing else for an id. */
  readonly newId: () => string;
  /** How long a silence that is over can be looked at. */
  readonly retentionMs?: number;
  /** How many are kept, those that are over among them. */
  readonly countMax?: number;
  /** Told after each change, by whatever server. */
  readonly onChange?: () => void;
  /** Told of what was changed at this server, not of what `merge` has brought. */
  readonly onEdited?: (silences: readonly Silence[]) => void;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/**
 * The silences. What one does with them is kept when its promise resolves, and holds from then on; other servers on the
 * same store follow within about a second.
 *
 * Every change of a silence has a number, its document's sort key: above those of all changes before it, and no less
 * than the time in ms, so that numbers grow on where the newest silences were forgotten. Whoever follows reads what has
 * a higher number than it knows. That a silence is forgotten needs no telling: it follows from its end.
 */
export class SilenceBook implements AsyncDisposable {
  readonly #options: SilenceBookOptions;
  readonly #retentionMs: number;
  readonly #index = new SilenceIndex();
  readonly #follower: ChangeFollower;
  #collector: Periodic | undefined;
  /** Of the change that was read last. */
  #changeNumber = 0;

  private constructor(options: SilenceBookOptions) {
    this.#options = options;
    this.#retentionMs = options.retentionMs ?? SILENCE_RETENTION_MS;
    const { store, clock, onProblem } = options;
    this.#follower = new ChangeFollower({
      ...{ store, clock, collection: SILENCE_COLLECTION },
      read: async () => {
        if (await store.read((tx) => this.#readChanges(tx))) options.onChange?.();
      },
      onProblem: (error) => onProblem(error, "reading changed silences"),
    });
  }

  /** @throws OperatingError of the store. */
  static async open(options: SilenceBookOptions): Promise<SilenceBook> {
    await using closers = new AsyncDisposableStack();
    const { store, clock, onProblem } = options;
    const book = closers.use(new SilenceBook(options));
    await store.read((tx) => book.#readChanges(tx));
    book.#collector = new Periodic({
      clock,
      startsWith: "turn",
      waitMs: () => COLLECTING_INTERVAL_MS,
      turn: () => book.#collect(),
      onProblem: (error) => onProblem(error, "forgetting old silences"),
    });
    closers.move();
    return book;
  }

  /** The ids of the silences that hide an alert now, sorted; quick where the same array is asked about again. */
  silencedBy(labels: Labels, nowMs: number): readonly string[] {
    return this.#index.silencedBy(labels, nowMs);
  }

  get size(): number {
    return this.#index.size;
  }

  /** All that are known, in no order. */
  list(): Iterable<Silence> {
    return this.#index.values();
  }

  get(id: string): Silence | undefined {
    return this.#index.get(id);
  }

  /** As `get`; one that another server has just made is found as well. @throws OperatingError of the store. */
  async find(id: string): Promise<Silence | undefined> {
    const known = this.#index.get(id);
    const { store } = this.#options;
    if (known !== undefined || !store.shared) return known;
    await store.read((tx) => this.#readChanges(tx));
    return this.#index.get(id);
  }

  /**
   * Keeps a silence: a new one, or what takes the place of the one that the draft names. Gives it as it is kept; its id
   * is another one where the old silence could not be changed and has been ended.
   *
   * @throws OperatingError `input.invalid`, `not_found`, `queue.full` where there are too many; of the store.
   */
  set(draft: SilenceDraft): Promise<Silence> {
    return this.#edit((nowMs) => {
      const before = draft.id === undefined ? undefined : this.#require(draft.id);
      const problem = validateSilence(draft, nowMs);
      if (problem !== undefined) throw new OperatingError("input.invalid", problem);
      const edit = setSilence(before, draft, nowMs, this.#options.newId());
      if (edit.silence.id !== before?.id) this.#checkCount();
      const changed = edit.replaced === undefined ? [] : [edit.replaced];
      return { result: edit.silence, changed: [...changed, edit.silence] };
    });
  }

  /**
   * Ends a silence now; one that is over stays as it is.
   *
   * @throws OperatingError `not_found`; of the store.
   */
  expire(id: string): Promise<Silence> {
    return this.#edit((nowMs) => {
      const silence = this.#require(id);
      const expired = expireSilence(silence, nowMs);
      return { result: expired ?? silence, changed: expired === undefined ? [] : [expired] };
    });
  }

  /**
   * Takes over silences of a server that shares no store with this one: of each, what was changed last.
   *
   * @throws OperatingError `queue.full` where there are too many; of the store.
   */
  async merge(silences: readonly Silence[]): Promise<void> {
    await this.#change(() => {
      const changed = silences.filter((silence) => {
        const known = this.#index.get(silence.id);
        return known === undefined
          ? !this.#isForgotten(silence)
          : known.updatedAtMs < silence.updatedAtMs;
      });
      if (changed.some(({ id }) => this.#index.get(id) === undefined)) this.#checkCount();
      return { result: undefined, changed };
    });
  }

  #require(id: string): Silence {
    const silence = this.#index.get(id);
    if (silence === undefined) throw new OperatingError("not_found", "silence not found");
    return silence;
  }

  #checkCount(): void {
    checkSilenceCount(this.#index.size, this.#options.countMax ?? SILENCES_MAX);
  }

  async #edit<T>(decide: (nowMs: number) => Decision<T>): Promise<T> {
    let changed: readonly Silence[] = [];
    const result = await this.#change((nowMs) => {
      const decision = decide(nowMs);
      ({ changed } = decision);
      return decision;
    });
    if (changed.length > 0) this.#options.onEdited?.(changed);
    return result;
  }

  /** `decide` is asked when everything that other servers have changed is known, and again if it must be. */
  async #change<T>(decide: (nowMs: number) => Decision<T>): Promise<T> {
    const { store, clock, onChange } = this.#options;
    let lastNumber = 0;
    const { result, changed } = await store.transaction(async (tx) => {
      await this.#readChanges(tx);
      const nowMs = clock.nowMs();
      const decision = decide(nowMs);
      const count = decision.changed.length;
      const firstNumber = Math.max(nowMs, this.#changeNumber + 1);
      lastNumber = firstNumber + count - 1;
      const documents = decision.changed.map((silence, i) =>
        silenceToDocument(silence, firstNumber + i),
      );
      if (count > 0) await tx.putAll(SILENCE_COLLECTION, documents);
      return decision;
    });
    if (changed.length === 0) return result;
    // Whoever read on meanwhile may know more than this.
    if (lastNumber > this.#changeNumber) {
      for (const silence of changed) this.#index.set(silence);
      this.#changeNumber = lastNumber;
    }
    onChange?.();
    return result;
  }

  /** Whether there were any. */
  async #readChanges(tx: DocumentReader): Promise<boolean> {
    const before = this.#changeNumber;
    let after: StoredDocument | undefined;
    for (;;) {
      const page: readonly StoredDocument[] = await tx.list(SILENCE_COLLECTION, {
        sortKeyMin: before + 1,
        limit: PAGE_SIZE,
        ...(after === undefined ? {} : { after }),
      });
      for (const document of page) this.#take(document);
      after = page.at(-1);
      if (page.length < PAGE_SIZE) return this.#changeNumber > before;
    }
  }

  /** A damaged document is reported and left where it is; the others must not suffer for it. */
  #take(document: StoredDocument): void {
    // A transaction of ours may have taken it, or what came after it, while the page was read.
    if (document.sortKey <= this.#changeNumber) return;
    this.#changeNumber = document.sortKey;
    try {
      const silence = silenceFromDocument(document);
      if (!this.#isForgotten(silence)) this.#index.set(silence);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#options.onProblem(error, "reading a silence");
    }
  }

  #isForgotten(silence: Silence): boolean {
    return isSilenceForgotten(silence, this.#options.clock.nowMs(), this.#retentionMs);
  }

  async #collect(): Promise<void> {
    const forgotten = [...this.#index.values()].filter((silence) => this.#isForgotten(silence));
    for (let from = 0; from < forgotten.length; from += PAGE_SIZE) {
      const ids = forgotten.slice(from, from + PAGE_SIZE).map(({ id }) => id);
      await this.#options.store.transaction((tx) => deleteAll(tx, ids));
      for (const id of ids) this.#index.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.#follower[Symbol.asyncDispose](),
      this.#collector?.[Symbol.asyncDispose](),
    ]);
  }
}

interface Decision<T> {
  readonly result: T;
  /** What is written. */
  readonly changed: readonly Silence[];
}

async function deleteAll(tx: DocumentTransaction, ids: readonly string[]): Promise<void> {
  for (const id of ids) await tx.delete(SILENCE_COLLECTION, id);
}
