// Everything the module exports, by file. Built by ../scripts/build.ts.
export { allocate, blockSize, memoryInit, memoryPages, memoryUsed, release } from "./memory";
export { columnDecode, columnDecodeTimestamps } from "./column-decode";
export { columnEncode, columnScratchSize } from "./column-encode";
export { expositionExpand, expositionScan } from "./exposition";
export { floatFrom } from "./float";
export { hashInto } from "./hash";
export {
  namespaceNote,
  tableAfter,
  tableCloseNamespace,
  tableCreate,
  tableDestroy,
  tableEntry,
  tableEntryCount,
  tableFind,
  tableFirst,
  tableInsertCopy,
  tableIsOpen,
  tableNamespaceSize,
  tableOpenNamespace,
  tableRemove,
  tableRemoveMarked,
  tableRemoveValue,
  tableSetValue,
  tableSize,
} from "./series-table";
export { gorillaDecode, gorillaEncode } from "./gorilla";
export {
  headAppend, headCheck, headChunks, headCloseSeries, headCount, headCountWithin, headCreate, headDestroy, headFlushed, headLastTime, headLastValue, headMarkFlushed, headNextTime, headOpenSeries, headOwner, headRead,
  headSamples, headSetLast, headTotal, headTruncate, timestampBounds, timestampShape,
} from "./head";
export { labelsCheck, labelsNumber } from "./label-bytes";
export { remoteWriteExpand, remoteWriteLookUp, remoteWriteWalk } from "./remote-write";
export { snappyDecode, snappySize } from "./snappy";
export { isUtf8 } from "./utf8";
