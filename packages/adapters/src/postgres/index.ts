export type { PostgresAddress } from "./postgres-address.ts";
export { openPostgresDocumentStore, type PostgresOptions } from "./postgres-document-store.ts";
