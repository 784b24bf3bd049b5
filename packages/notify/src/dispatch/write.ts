import type { DocumentTransaction, StoredDocument } from "@pharos/ports";

/** A document to put, or to delete where it is undefined. */
export interface Write {
  readonly collection: string;
  readonly id: string;
  readonly document: StoredDocument | undefined;
}

/** Performs writes of which no two are of the same document. */
export async function performWrites(
  tx: DocumentTransaction,
  writes: Iterable<Write>,
): Promise<void> {
  const puts = new Map<string, StoredDocument[]>();
  for (const { collection, id, document } of writes) {
    if (document === undefined) await tx.delete(collection, id);
    else puts.getOrInsertComputed(collection, () => []).push(document);
  }
  for (const [collection, documents] of puts) await tx.putAll(collection, documents);
}
