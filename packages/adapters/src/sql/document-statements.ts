import { assert } from "@pharos/base";
import { CompiledQuery, type Kysely } from "kysely";
import type { DocumentTables } from "./document-tables.ts";

export type DocumentRow = DocumentTables["documents"];
export type FoundRow = Pick<DocumentRow, "id" | "sort_key" | "body" | "tags" | "long_id">;

/** Rows of one statement: six parameters each, of which SQLite takes 32,766 and PostgreSQL 65,535. */
const PUT_ROWS_MAX = 512;

/** A statement without parameters. */
export function plain(sql: string): CompiledQuery {
  return CompiledQuery.raw(sql);
}

/**
 * The statements of every transaction, each made into SQL once: that takes as long as SQLite takes to run it. Rows are
 * put in powers of two, so that there are few texts, which databases remember as well.
 */
export class DocumentStatements {
  readonly #get: CompiledQuery<FoundRow>;
  readonly #delete: CompiledQuery;
  readonly #putOfRows: readonly CompiledQuery[];

  constructor(db: Kysely<DocumentTables>) {
    this.#get = db
      .selectFrom("documents")
      .select(["id", "sort_key", "body", "tags", "long_id"])
      .where("collection", "=", "")
      .where("id", "=", "")
      .compile();
    this.#delete = db
      .deleteFrom("documents")
      .where("collection", "=", "")
      .where("id", "=", "")
      .compile();
    const puts: CompiledQuery[] = [];
    for (let count = 1; count <= PUT_ROWS_MAX; count *= 2) puts.push(putOf(db, count));
    this.#putOfRows = puts;
  }

  get(collection: string, key: string): CompiledQuery<FoundRow> {
    return { ...this.#get, parameters: [collection, key] };
  }

  delete(collection: string, key: string): CompiledQuery {
    return { ...this.#delete, parameters: [collection, key] };
  }

  /** Statements that together create or replace the rows. */
  *puts(rows: readonly DocumentRow[]): Generator<CompiledQuery> {
    let at = 0;
    for (let power = this.#putOfRows.length - 1; power >= 0; power--) {
      const put = this.#putOfRows[power];
      assert(put !== undefined, "there is one for each power");
      for (const count = 2 ** power; rows.length - at >= count; at += count)
        yield { ...put, parameters: parametersOf(rows.slice(at, at + count)) };
    }
  }
}

/** In the order of the columns of `putOf`. */
function parametersOf(rows: readonly DocumentRow[]): unknown[] {
  const parameters: unknown[] = [];
  for (const { collection, id, sort_key, body, tags, long_id } of rows)
    parameters.push(collection, id, sort_key, body, tags, long_id);
  return parameters;
}

function putOf(db: Kysely<DocumentTables>, count: number): CompiledQuery {
  const row: DocumentRow = { collection: "", id: "", sort_key: 0, body: "", tags: "", long_id: "" };
  const put = db
    .insertInto("documents")
    .values(Array.from({ length: count }, () => row))
    .onConflict((conflict) =>
      conflict.columns(["collection", "id"]).doUpdateSet(({ ref }) => ({
        sort_key: ref("excluded.sort_key"),
        body: ref("excluded.body"),
        tags: ref("excluded.tags"),
      })),
    )
    .compile();
  assert(put.parameters.length === count * Object.keys(row).length, "each value is a parameter");
  return put;
}
