export { diskConformance } from "./conformance/disk.ts";
export { seriesStoreConformance } from "./conformance/series-store.ts";
export { MemoryStore } from "./memory-store.ts";
export {
  encodeWriteRequest,
  type SentMetadata,
  type SentSample,
  type SentSeries,
} from "./remote-write-encoder.ts";
export { SimClock } from "./sim-clock.ts";
export { SimDisk } from "./sim-disk.ts";
export { type SimAnswer, type SimHost, SimNetwork } from "./sim-network.ts";
