export { seriesStoreConformance } from "./conformance/series-store.ts";
export { MemoryStore } from "./memory-store.ts";
export { SimClock } from "./sim-clock.ts";
export { SimDisk } from "./sim-disk.ts";
export { type SimAnswer, type SimHost, SimNetwork } from "./sim-network.ts";
