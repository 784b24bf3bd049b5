export { SimClock } from "./sim-clock.ts";
export { SimDisk } from "./sim-disk.ts";
