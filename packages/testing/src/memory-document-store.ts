import { assert, compareUtf8, OperatingError } from "@pharos/base";
import {
  DOCUMENT_TAG_LENGTH_MAX,
  DOCUMENT_TAGS_MAX,
  type DocumentListOptions,
  type DocumentReader,
  type DocumentStore,
  type DocumentTransaction,
  type Json,
  type StoredDocument,
} from "@pharos/ports";

/** A document as it is kept: its body as text, as a database would. */
interface KeptDocument {
  readonly id: string;
  readonly sortKey: number;
  readonly tags: readonly string[] | undefined;
  readonly text: string;
}

type Collections = Map<string, Map<string, KeptDocument>>;
/** What a transaction wrote and nobody else sees yet, by collection and id; undefined is deleted. */
type Changes = Map<string, Map<string, KeptDocument | undefined>>;

/**
 * Documents in memory, kept as text as a database would. What a transaction wrote is there when it has committed;
 * `kill()` gives the store as the next process finds it, and whatever the dead process still does, nobody sees.
 */
export class MemoryDocumentStore implements DocumentStore {
  readonly shared = false;
  readonly #committed: Collections;
  readonly #watchers = new Set<{ readonly collection: string; readonly onChange: () => void }>();
  #queue: Promise<unknown> = Promise.resolve();
  #dead = false;

  /** Called before each commit; may throw to make it fail, or wait to make it slow. */
  beforeCommit: () => void | Promise<void> = () => {};
  /** How many transactions have been committed. */
  commitCount = 0;

  constructor(committed: ReadonlyMap<string, ReadonlyMap<string, KeptDocument>> = new Map()) {
    this.#committed = new Map(
      [...committed].map(([name, documents]) => [name, new Map(documents)]),
    );
  }

  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const changes: Changes = new Map();
      const result = await work(new MemoryTransaction(this.#committed, changes));
      await this.beforeCommit();
      this.#checkAlive();
      this.#commit(changes);
      return result;
    });
  }

  read<T>(work: (tx: DocumentReader) => Promise<T>): Promise<T> {
    return this.#inTurn(() => work(new MemoryReader(this.#committed, new Map())));
  }

  watch(collection: string, onChange: () => void): Disposable {
    const watcher = { collection, onChange };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      this.#checkAlive();
      return work();
    });
    this.#queue = result.catch(() => {}); // The caller hears of it; the next one starts all the same.
    return result;
  }

  #commit(changes: Changes): void {
    this.commitCount++;
    for (const [collection, changed] of changes) {
      const documents = this.#committed.get(collection) ?? new Map<string, KeptDocument>();
      this.#committed.set(collection, documents);
      for (const [id, document] of changed)
        if (document === undefined) documents.delete(id);
        else documents.set(id, document);
    }
    for (const { collection, onChange } of [...this.#watchers])
      if (changes.has(collection)) onChange();
  }

  #checkAlive(): void {
    if (this.#dead)
      throw new OperatingError("disk.failed", "the process that used this store is dead");
  }

  /** Ends the process: what is not committed yet never will be. */
  kill(): MemoryDocumentStore {
    this.#dead = true;
    this.#watchers.clear();
    return new MemoryDocumentStore(this.#committed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
  }
}

class MemoryReader implements DocumentReader {
  readonly #committed: Collections;
  protected readonly changes: Changes;

  constructor(committed: Collections, changes: Changes) {
    this.#committed = committed;
    this.changes = changes;
  }

  async get(collection: string, id: string): Promise<StoredDocument | undefined> {
    const changed = this.changes.get(collection);
    const kept = changed?.has(id) ? changed.get(id) : this.#committed.get(collection)?.get(id);
    return kept && parse(kept);
  }

  async list(collection: string, options: DocumentListOptions): Promise<readonly StoredDocument[]> {
    return this.listed(collection, options).map(parse);
  }

  protected listed(collection: string, options: DocumentListOptions): readonly KeptDocument[] {
    const { sortKeyMin = -Infinity, sortKeyMax = Infinity, tags = [], after, limit } = options;
    assert(Number.isSafeInteger(limit) && limit >= 0, () => `limit ${limit}`);
    const backwards = options.order === "desc";
    const order = (a: DocumentKey, b: DocumentKey): number =>
      backwards ? compareKeys(b, a) : compareKeys(a, b);
    const asked = tags.map(cutTag);
    return this.#all(collection)
      .filter(
        (document) =>
          document.sortKey >= sortKeyMin &&
          document.sortKey <= sortKeyMax &&
          asked.every((tag) => document.tags?.includes(tag)) &&
          (after === undefined || order(document, after) > 0),
      )
      .sort(order)
      .slice(0, limit);
  }

  #all(collection: string): KeptDocument[] {
    const committed = this.#committed.get(collection);
    const changed = this.changes.get(collection);
    if (changed === undefined) return [...(committed?.values() ?? [])];
    const merged = new Map<string, KeptDocument | undefined>([...(committed ?? []), ...changed]);
    return [...merged.values()].filter((document) => document !== undefined);
  }
}

class MemoryTransaction extends MemoryReader implements DocumentTransaction {
  async put(collection: string, { id, sortKey, tags, body }: StoredDocument): Promise<void> {
    assert(Number.isFinite(sortKey), () => `sort key ${sortKey}`);
    assert((tags?.length ?? 0) <= DOCUMENT_TAGS_MAX, () => `${tags?.length} tags`);
    const kept = { id, sortKey, tags: tags?.map(cutTag), text: JSON.stringify(body) };
    this.#changesOf(collection).set(id, kept);
  }

  async putAll(collection: string, documents: readonly StoredDocument[]): Promise<void> {
    const ids = new Set(documents.map(({ id }) => id));
    assert(ids.size === documents.length, "ids differ");
    for (const document of documents) await this.put(collection, document);
  }

  async delete(collection: string, id: string): Promise<void> {
    this.#changesOf(collection).set(id, undefined);
  }

  async deleteOldest(
    collection: string,
    options: { readonly sortKeyMax: number; readonly limit: number },
  ): Promise<number> {
    const oldest = this.listed(collection, options);
    const changes = this.#changesOf(collection);
    for (const { id } of oldest) changes.set(id, undefined);
    return oldest.length;
  }

  #changesOf(collection: string): Map<string, KeptDocument | undefined> {
    const changes = this.changes.get(collection) ?? new Map<string, KeptDocument | undefined>();
    this.changes.set(collection, changes);
    return changes;
  }
}

type DocumentKey = Pick<KeptDocument, "sortKey" | "id">;

function compareKeys(a: DocumentKey, b: DocumentKey): number {
  return a.sortKey - b.sortKey || compareUtf8(a.id, b.id);
}

function cutTag(tag: string): string {
  return tag.slice(0, DOCUMENT_TAG_LENGTH_MAX);
}

function parse({ id, sortKey, tags, text }: KeptDocument): StoredDocument {
  const body = JSON.parse(text) as Json;
  return { id, sortKey, body, ...(tags === undefined ? {} : { tags: [...tags] }) };
}
