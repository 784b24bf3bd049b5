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
import type { DocumentRow, DocumentStatements, FoundRow } from "./document-statements.ts";
import type { DocumentTables } from "./document-tables.ts";
import { escapeText, idOf, storedId, unescapeText } from "./stored-text.ts";

/** Documents on one connection, within a transaction that somebody else began. */
export class SqlDocumentReader implements DocumentReader {
  protected readonly db: Kysely<DocumentTables>;
  protected readonly statements: DocumentStatements;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;

  constructor(db: Kysely<DocumentTables>, statements: DocumentStatements) {
    this.db = db;
    this.statements = statements;
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
    const query = this.statements.get(collection, storedId(id).key);
    const { rows } = await this.run(() => this.db.executeQuery(query));
    return rows[0] && documentOf(rows[0]);
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
      sql<FoundRow>`
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
    await this.#putRows(collection, rows);
  }

  async #putRows(collection: string, rows: readonly DocumentRow[]): Promise<void> {
    this.changed.add(collection);
    for (const put of this.statements.puts(rows)) await this.run(() => this.db.executeQuery(put));
  }

  async delete(collection: string, id: string): Promise<void> {
    this.changed.add(collection);
    const query = this.statements.delete(collection, storedId(id).key);
    await this.run(() => this.db.executeQuery(query));
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

function rowOf(collection: string, document: StoredDocument): DocumentRow {
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

function documentOf({ id, sort_key, body, tags, long_id }: FoundRow): StoredDocument {
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
