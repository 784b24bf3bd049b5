/** What both databases have; see docs/formats/documents.md. */
export interface DocumentTables {
  documents: {
    collection: string;
    /** `storedId` of the document's id. */
    id: string;
    sort_key: number;
    /** JSON as it was written. */
    body: string;
    /** A JSON list of escaped tags. */
    tags: string | null;
    long_id: string | null;
  };
  /** Follows `documents` by triggers of the database. */
  document_tags: {
    collection: string;
    tag: string;
    sort_key: number;
    id: string;
  };
}
