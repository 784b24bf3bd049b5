// Everything the module exports, by file. Built by ../scripts/build.ts.
export { allocate, blockSize, memoryInit, memoryUsed, release } from "./memory";
