// Builds as/index.ts to build/kernels.wasm (release) and build/kernels.debug.wasm (function names in stack traces).
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { main } from "assemblyscript/asc";

const root = join(import.meta.dirname, "..");
await mkdir(join(root, "build"), { recursive: true });

const shared = [
  "as/index.ts",
  "--baseDir",
  root,
  "--runtime",
  "stub",
  "--importMemory",
  "--sharedMemory",
  "--initialMemory",
  "16",
  "--maximumMemory",
  "65536",
  "--enable",
  "threads",
  "--enable",
  "simd",
  "--use",
  "abort=",
];
const targets = [
  ["-O3", "--noAssert", "--outFile", "build/kernels.wasm"],
  ["--debug", "--outFile", "build/kernels.debug.wasm"],
];
for (const options of targets) {
  const { error, stderr } = await main([...shared, ...options]);
  if (error !== null) {
    process.stderr.write(stderr.toString());
    throw error;
  }
}
