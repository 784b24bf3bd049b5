export { openSqliteDocumentStore } from "./sqlite-document-store.ts";
