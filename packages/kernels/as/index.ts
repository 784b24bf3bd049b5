// Everything the module exports, by file. Built by ../scripts/build.ts.
export { allocate, blockSize, memoryInit, memoryUsed, release } from "./memory";
export { hashInto } from "./hash";
export {
  tableAfter,
  tableCloseNamespace,
  tableCreate,
  tableEntry,
  tableEntryCount,
  tableFind,
  tableFirst,
  tableInsert,
  tableIsOpen,
  tableNamespaceSize,
  tableOpenNamespace,
  tableRemove,
  tableSetValue,
  tableSize,
} from "./series-table";
