// Builds as/index.ts to build/kernels.wasm (release) and build/kernels.debug.wasm (function names in stack traces).
import { mkdir, rename } from "node:fs/promises";
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
  { file: "kernels.debug.wasm", options: ["--debug"] },
  { file: "kernels.wasm", options: ["-O3", "--noAssert"] },
];
for (const { file, options } of targets) {
  // Renamed when it is whole, so that a process which starts meanwhile loads the old one or the new one.
  const unfinished = `build/${process.pid}.wasm`;
  const { error, stderr } = await main([...shared, ...options, "--outFile", unfinished]);
  if (error !== null) {
    process.stderr.write(stderr.toString());
    throw error;
  }
  await rename(join(root, unfinished), join(root, "build", file));
}
