import { Worker } from "node:worker_threads";
import { forgetProcessYoungGeneration, YOUNG_MIB } from "./young-generation.ts";

/** The label index and the like of five million series; more than a thread gets by itself. */
const HEAP_MIB_MAX = 16_384;

/**
 * Starts the store's thread, which does nothing until it is told to open the store. It does not keep the process alive
 * until then. This file imports next to nothing, so that the thread can load its modules while the main one loads its own.
 */
export function startStoreWorker(): Worker {
  forgetProcessYoungGeneration();
  const worker = new Worker(new URL("./store-worker.ts", import.meta.url), {
    name: "store",
    resourceLimits: {
      maxOldGenerationSizeMb: HEAP_MIB_MAX,
      maxYoungGenerationSizeMb: YOUNG_MIB.store,
    },
  });
  worker.unref();
  return worker;
}
