// Everything the module exports, by file. Built by ../scripts/build.ts.
export { allocate, blockSize, memoryInit, memoryPages, memoryUsed, release } from "./memory";
export { aggregateAverage, aggregateCount, aggregateExtreme, aggregateSum } from "./aggregate";
export { columnDecode, columnDecodeTimestamps } from "./column-decode";
export { columnEncode, columnScratchSize } from "./column-encode";
export { expositionExpand, expositionScan } from "./exposition";
export { floatFrom } from "./float";
export { hashInto } from "./hash";
export {
  namespaceNote,
  tableAfter,
  tableCloseNamespace,
  tableCopyBytes,
  tableCreate,
  tableDefine,
  tableDestroy,
  tableEntry,
  tableEntryCount,
  tableFind,
  tableFirst,
  tableInsertCopy,
  tableInsertSeries,
  tableIsOpen,
  tableMarks,
  tableMarkWords,
  tableNamespaceSize,
  tableOpenNamespace,
  tablePairs,
  tableRemove,
  tableRemoveSpellings,
  tableSetValue,
  tableSize,
  tableSweep,
} from "./series-table";
export { gorillaDecode, gorillaEncode } from "./gorilla";
export {
  headAppend, headCheck, headChunks, headChunksSize, headCloseSeries, headCount, headCountWithin, headCreate, headDestroy, headFlushed, headKeepWithin, headLastTime, headLastValue, headMarkFlushed, headNextTime, headOpenSeries, headOwner, headRead, headResolve,
  headSamples, headSetLast, headTimeBounds, headTotal, headTruncate, timestampBounds, timestampShape,
} from "./head";
export { listCapacity, listCount } from "./ref-list";
export { labelsCheck, labelsNumber } from "./label-bytes";
export { nameFind, pairFind, pairList, pairRead, pairsAll, pairsChanges, pairsCount, pairsFirstName, pairsGone, pairsSlots } from "./label-pairs";
export { remoteWriteBegin, remoteWriteExpand, remoteWriteLookUp, remoteWriteWalk } from "./remote-write";
export { rollupSize, rollupSketches, rollupSketchesSize, rollupWindows } from "./rollup";
export {
  sketchAddEncoded, sketchAddValues, sketchClear, sketchCount, sketchCreate, sketchEncode, sketchEncodedSizeMax,
  sketchQuantile, sketchSize,
} from "./sketch";
export { snappyDecode, snappySize } from "./snappy";
export { isUtf8 } from "./utf8";
export { windowsChanges, windowsExtreme, windowsSum, windowsVariance } from "./window-over-time";
export { rateOfCounter, rateOfGauge, rateOfLastTwo, ratePlan, ratePlanSize } from "./window-rate";
export { columnHasNaN, columnsEqual, windowsCount, windowsEarliest, windowsFind, windowsLatest } from "./windows";
