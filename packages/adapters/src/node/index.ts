export { directoryBlobStore } from "./directory-blob-store.ts";
export { nodeDisk } from "./node-disk.ts";
export { type NodeHttpClient, nodeHttpClient } from "./node-http-client.ts";
export { systemClock } from "./system-clock.ts";
