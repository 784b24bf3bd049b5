import { OperatingError } from "@pharos/base";
import type { DocumentReader, StoredDocument } from "@pharos/ports";

/** Documents that are read at once. */
const CHUNK_SIZE = 200;

/** Where a page ended; the next one begins behind it. */
export interface Place {
  readonly sortKey: number;
  readonly id: string;
}

export interface NewestFirstQuery<T> {
  readonly collection: string;
  /** Documents with all tags of any of these lists; lists must not share documents. */
  readonly tagLists: readonly (readonly string[])[];
  /** Bounds of the sort key; both belong to it. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly after: Place | undefined;
  /** What to give for a document; undefined leaves it out. */
  readonly read: (document: StoredDocument) => T | undefined;
  /** Results at most. */
  readonly limit: number;
  /** Documents looked at, at most: then the page ends, whatever it has. */
  readonly scanMax: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Undefined where there is nothing more. */
  readonly next: Place | undefined;
}

/** One page of documents, the newest first. */
export async function newestFirst<T>(
  reader: DocumentReader,
  query: NewestFirstQuery<T>,
): Promise<Page<T>> {
  const { tagLists, limit, scanMax, read } = query;
  const streams = tagLists.map((tags) => new Stream(reader, query, tags));
  const items: T[] = [];
  let last: Place | undefined;
  for (let scanned = 0; scanned < scanMax && items.length < limit; scanned++) {
    let next: Stream<T> | undefined;
    for (const stream of streams) {
      const head = await stream.head();
      if (head === undefined) continue;
      const best = await next?.head();
      if (best === undefined || isBefore(best, head)) next = stream;
    }
    const document = next?.take();
    if (document === undefined) return { items, next: undefined };
    last = { sortKey: document.sortKey, id: document.id };
    const item = read(document);
    if (item !== undefined) items.push(item);
  }
  for (const stream of streams)
    if ((await stream.head()) !== undefined) return { items, next: last ?? query.after };
  return { items, next: undefined };
}

function isBefore(a: StoredDocument, b: StoredDocument): boolean {
  return a.sortKey < b.sortKey || (a.sortKey === b.sortKey && a.id < b.id);
}

class Stream<T> {
  readonly #reader: DocumentReader;
  readonly #query: NewestFirstQuery<T>;
  readonly #tags: readonly string[];
  #chunk: readonly StoredDocument[] = [];
  #index = 0;
  #after: Place | undefined;
  #ended = false;

  constructor(reader: DocumentReader, query: NewestFirstQuery<T>, tags: readonly string[]) {
    this.#reader = reader;
    this.#query = query;
    this.#tags = tags;
    this.#after = query.after;
  }

  async head(): Promise<StoredDocument | undefined> {
    if (this.#index === this.#chunk.length && !this.#ended) await this.#fill();
    return this.#chunk[this.#index];
  }

  take(): StoredDocument | undefined {
    return this.#chunk[this.#index++];
  }

  async #fill(): Promise<void> {
    const { collection, minMs, maxMs, limit } = this.#query;
    const size = Math.min(CHUNK_SIZE, Math.max(limit + 1, 1));
    this.#chunk = await this.#reader.list(collection, {
      sortKeyMin: minMs,
      sortKeyMax: maxMs,
      tags: this.#tags,
      order: "desc",
      limit: size,
      ...(this.#after === undefined ? {} : { after: this.#after }),
    });
    this.#index = 0;
    this.#ended = this.#chunk.length < size;
    const last = this.#chunk.at(-1);
    if (last !== undefined) this.#after = { sortKey: last.sortKey, id: last.id };
  }
}

/** A place as clients get it: text that says nothing to them. */
export function formatCursor({ sortKey, id }: Place): string {
  return bytesToText(new TextEncoder().encode(JSON.stringify([sortKey, id])));
}

/** @throws OperatingError `input.invalid` for what `formatCursor` did not write. */
export function parseCursor(text: string): Place {
  try {
    const parsed: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(textToBytes(text)),
    );
    if (Array.isArray(parsed) && parsed.length === 2) {
      const [sortKey, id]: unknown[] = parsed;
      if (typeof sortKey === "number" && typeof id === "string") return { sortKey, id };
    }
  } catch {
    // Not ours, whatever it is.
  }
  throw new OperatingError(
    "input.invalid",
    "the cursor is not one that this API gave; leave it out",
  );
}

function bytesToText(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function textToBytes(text: string): Uint8Array {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}
