import type { ScheduleOverride } from "@pharos/alert";
import { type Clock, OperatingError, StoredJson } from "@pharos/base";
import type { DocumentStore, StoredDocument } from "@pharos/ports";
import { ChangeFollower } from "../change-follower.ts";

/** The collection of what people changed in schedules; on disk for ever. */
export const OVERRIDE_COLLECTION = "oncall_overrides";
/** How many are kept. */
export const OVERRIDES_MAX = 2000;
/** How long one that is over is kept, to be looked at. */
export const OVERRIDE_RETENTION_MS = 90 * 24 * 3_600_000;

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;

/** Somebody stands in for somebody, as a person has said. */
export interface KeptOverride extends ScheduleOverride {
  readonly schedule: string;
  readonly createdBy: string;
  readonly comment: string;
  readonly createdAtMs: number;
}

export interface OverrideBookOptions {
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Told after each change, by whatever server. */
  readonly onChange: () => void;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Overrides of schedules that people make: all of them in memory, in the order in which they were made. */
export class OverrideBook implements AsyncDisposable {
  readonly #options: OverrideBookOptions;
  readonly #follower: ChangeFollower;
  #overrides: readonly KeptOverride[] = [];

  private constructor(options: OverrideBookOptions) {
    this.#options = options;
    const { store, clock, onChange, onProblem } = options;
    this.#follower = new ChangeFollower({
      ...{ store, clock, collection: OVERRIDE_COLLECTION },
      read: async () => {
        await this.#read();
        onChange();
      },
      onProblem: (error) => onProblem(error, "reading changed overrides"),
    });
  }

  /** @throws OperatingError of the store. */
  static async open(options: OverrideBookOptions): Promise<OverrideBook> {
    await using closers = new AsyncDisposableStack();
    const book = closers.use(new OverrideBook(options));
    await book.#read();
    closers.move();
    return book;
  }

  list(): readonly KeptOverride[] {
    return this.#overrides;
  }

  /**
   * Keeps one; it holds from then on. Those that are long over are forgotten.
   *
   * @throws OperatingError `queue.full`; of the store.
   */
  async add(draft: Omit<KeptOverride, "id" | "createdAtMs">): Promise<KeptOverride> {
    const { store, clock, newId } = this.#options;
    const createdAtMs = clock.nowMs();
    const override = { ...draft, id: newId(), createdAtMs };
    await store.transaction(async (tx) => {
      const all = await tx.list(OVERRIDE_COLLECTION, { limit: OVERRIDES_MAX });
      const old = all.filter(({ body }) => endOf(body) + OVERRIDE_RETENTION_MS <= createdAtMs);
      if (all.length - old.length >= OVERRIDES_MAX)
        throw new OperatingError("queue.full", `there are ${OVERRIDES_MAX} overrides already`);
      for (const { id } of old) await tx.delete(OVERRIDE_COLLECTION, id);
      await tx.putAll(OVERRIDE_COLLECTION, [overrideToDocument(override)]);
    });
    await this.#read();
    this.#options.onChange();
    return override;
  }

  /** @throws OperatingError `not_found`; of the store. */
  async delete(schedule: string, id: string): Promise<void> {
    const { store, onChange } = this.#options;
    await store.transaction(async (tx) => {
      const document = await tx.get(OVERRIDE_COLLECTION, id);
      if (document === undefined || overrideFromDocument(document).schedule !== schedule)
        throw new OperatingError("not_found", `schedule ${schedule} has no override ${id}`);
      await tx.delete(OVERRIDE_COLLECTION, id);
    });
    await this.#read();
    onChange();
  }

  async #read(): Promise<void> {
    const { store, onProblem } = this.#options;
    const documents = await store.read((reader) =>
      reader.list(OVERRIDE_COLLECTION, { limit: OVERRIDES_MAX }),
    );
    this.#overrides = documents.flatMap((document) => {
      try {
        return overrideFromDocument(document);
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        onProblem(error, "reading an override");
        return [];
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower[Symbol.asyncDispose]();
  }
}

function overrideToDocument({ id, createdAtMs, ...rest }: KeptOverride): StoredDocument {
  return { id, sortKey: createdAtMs, body: { version: FORMAT_VERSION, ...rest } };
}

/** @throws OperatingError `disk.corrupt` */
function overrideFromDocument({ id, sortKey, body }: StoredDocument): KeptOverride {
  const root = new StoredJson(body, `override ${id}`);
  root.member("version").version(FORMAT_VERSION);
  return {
    id,
    schedule: root.member("schedule").text(),
    contact: root.member("contact").text(),
    startsAtMs: root.member("startsAtMs").number(),
    endsAtMs: root.member("endsAtMs").number(),
    createdBy: root.member("createdBy").text(),
    comment: root.member("comment").text(),
    createdAtMs: sortKey,
  };
}

/** Of a damaged one: never, so that it is not deleted. */
function endOf(body: unknown): number {
  const { endsAtMs } = body as { readonly endsAtMs?: unknown };
  return typeof endsAtMs === "number" ? endsAtMs : Number.POSITIVE_INFINITY;
}
