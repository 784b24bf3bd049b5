import { assert } from "@pharos/base";
import {
  DOCUMENT_TAG_LENGTH_MAX,
  DOCUMENT_TAGS_MAX,
  type DocumentListOptions,
  type DocumentReader,
  type DocumentTransaction,
  type Json,
  type StoredDocument,
} from "@pharos/ports";
import { type Kysely, sql } from "kysely";
import type { DocumentTables } from "./document-tables.ts";
import { escapeText, idOf, storedId, unescapeText } from "./stored-text.ts";

/** Rows of one statement: six parameters each, of which SQLite takes 32,766 and PostgreSQL 65,535. */
const PUT_ROWS_MAX = 1000;

type Row = Pick<DocumentTables["documents"], "id" | "sort_key" | "body" | "tags" | "long_id">;

/** Documents on one connection, within a transaction that somebody else began. */
export class SqlDocumentReader implements DocumentReader {
  protected readonly db: Kysely<DocumentTables>;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;

  constructor(db: Kysely<DocumentTables>) {
    this.db = db;
  }

  /**
   * Runs `work`, after which no statement comes any more. PostgreSQL drops the whole transaction when one statement of it
   * fails, even where whoever called it went on: so that error is thrown here.
   */
  async use<T>(work: (documents: this) => Promise<T>): Promise<T> {
    try {
      const result = await work(this);
      if (this.#failure !== undefined) throw this.#failure.error;
      return result;
    } finally {
      this.#ended = true;
    }
  }

  async get(collection: string, id: string): Promise<StoredDocument | undefined> {
    const row = await this.run(() =>
      this.db
        .selectFrom("documents")
        .select(["id", "sort_key", "body", "tags", "long_id"])
        .where("collection", "=", collection)
        .where("id", "=", storedId(id).key)
        .executeTakeFirst(),
    );
    return row && documentOf(row);
  }

  async list(collection: string, options: DocumentListOptions): Promise<readonly StoredDocument[]> {
    const { sortKeyMin, sortKeyMax, tags = [], after, limit } = options;
    assert(Number.isSafeInteger(limit) && limit >= 0, () => `limit ${limit}`);
    const [first, ...others] = tags.map(storedTag);
    const backwards = options.order === "desc";
    const direction = sql.raw(backwards ? "DESC" : "ASC");
    const beyond = sql.raw(backwards ? "<" : ">");

    const conditions = [sql<boolean>`k.collection = ${collection}`];
    if (first !== undefined) conditions.push(sql`k.tag = ${first}`);
    if (sortKeyMin !== undefined) conditions.push(sql`k.sort_key >= ${sortKeyMin}`);
    if (sortKeyMax !== undefined) conditions.push(sql`k.sort_key <= ${sortKeyMax}`);
    if (after !== undefined)
      conditions.push(
        sql`(k.sort_key, k.id) ${beyond} (${after.sortKey}, ${storedId(after.id).key})`,
      );
    for (const tag of others)
      conditions.push(
        sql`EXISTS (SELECT 1 FROM document_tags AS o WHERE o.collection = k.collection AND o.tag = ${tag} AND o.sort_key = k.sort_key AND o.id = k.id)`,
      );
    const source =
      first === undefined
        ? sql`documents AS k`
        : sql`document_tags AS k JOIN documents AS d ON d.collection = k.collection AND d.id = k.id`;
    const columns = sql.raw(
      first === undefined ? "k.body, k.tags, k.long_id" : "d.body, d.tags, d.long_id",
    );
    const { rows } = await this.run(() =>
      sql<Row>`
        SELECT k.id, k.sort_key, ${columns} FROM ${source}
        WHERE ${sql.join(conditions, sql` AND `)}
        ORDER BY k.sort_key ${direction}, k.id ${direction} LIMIT ${limit}
      `.execute(this.db),
    );
    return rows.map(documentOf);
  }

  protected async run<T>(statement: () => Promise<T>): Promise<T> {
    assert(!this.#ended, "the transaction is not over");
    try {
      return await statement();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }
}

export class SqlDocumentTransaction extends SqlDocumentReader implements DocumentTransaction {
  /** The collections that were written to. */
  readonly changed = new Set<string>();

  put(collection: string, document: StoredDocument): Promise<void> {
    return this.#putRows(collection, [rowOf(collection, document)]);
  }

  async putAll(collection: string, documents: readonly StoredDocument[]): Promise<void> {
    const rows = documents.map((document) => rowOf(collection, document));
    assert(new Set(rows.map(({ id }) => id)).size === rows.length, "ids differ");
    for (let at = 0; at < rows.length; at += PUT_ROWS_MAX)
      await this.#putRows(collection, rows.slice(at, at + PUT_ROWS_MAX));
  }

  async #putRows(collection: string, rows: readonly DocumentTables["documents"][]): Promise<void> {
    this.changed.add(collection);
    await this.run(() =>
      this.db
        .insertInto("documents")
        .values(rows)
        .onConflict((conflict) =>
          conflict.columns(["collection", "id"]).doUpdateSet(({ ref }) => ({
            sort_key: ref("excluded.sort_key"),
            body: ref("excluded.body"),
            tags: ref("excluded.tags"),
          })),
        )
        .execute(),
    );
  }

  async delete(collection: string, id: string): Promise<void> {
    this.changed.add(collection);
    await this.run(() =>
      this.db
        .deleteFrom("documents")
        .where("collection", "=", collection)
        .where("id", "=", storedId(id).key)
        .execute(),
    );
  }

  async deleteOldest(
    collection: string,
    { sortKeyMax, limit }: { readonly sortKeyMax: number; readonly limit: number },
  ): Promise<number> {
    this.changed.add(collection);
    const { numDeletedRows } = await this.run(() =>
      this.db
        .deleteFrom("documents")
        .where("collection", "=", collection)
        .where("id", "in", (oldest) =>
          oldest
            .selectFrom("documents")
            .select("id")
            .where("collection", "=", collection)
            .where("sort_key", "<=", sortKeyMax)
            .orderBy("sort_key")
            .orderBy("id")
            .limit(limit),
        )
        .executeTakeFirstOrThrow(),
    );
    return Number(numDeletedRows);
  }
}

function rowOf(collection: string, document: StoredDocument): DocumentTables["documents"] {
  const { id, sortKey, tags, body } = document;
  assert(Number.isFinite(sortKey), () => `sort key ${sortKey}`);
  assert((tags?.length ?? 0) <= DOCUMENT_TAGS_MAX, () => `${tags?.length} tags`);
  const { key, longId } = storedId(id);
  return {
    collection,
    id: key,
    sort_key: sortKey,
    body: JSON.stringify(body),
    tags: tags === undefined ? null : JSON.stringify(tags.map(storedTag)),
    long_id: longId,
  };
}

function documentOf({ id, sort_key, body, tags, long_id }: Row): StoredDocument {
  return {
    id: idOf(id, long_id),
    sortKey: sort_key,
    body: JSON.parse(body) as Json,
    ...(tags === null ? {} : { tags: (JSON.parse(tags) as string[]).map(unescapeText) }),
  };
}

function storedTag(tag: string): string {
  return escapeText(tag.slice(0, DOCUMENT_TAG_LENGTH_MAX));
}
