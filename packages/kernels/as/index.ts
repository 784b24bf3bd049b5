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
export { gorillaDecode, gorillaEncode } from "./gorilla";
export {
  headAppend, headCheck, headChunks, headCloseSeries, headCount, headCountWithin, headCreate, headDestroy, headEnsure,
  headFlushed, headLastTime, headLastValue, headMarkFlushed, headNextTime, headOpenSeries, headOwner, headRead,
  headSamples, headSetLast, headTotal, headTruncate, timestampBounds, timestampShape,
} from "./head";
export { remoteWriteExpand, remoteWriteLookUp, remoteWriteWalk } from "./remote-write";
export { snappyDecode, snappySize } from "./snappy";
