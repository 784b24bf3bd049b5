import { CHUNK_SAMPLES_MAX, chunkSizeMax, Gorilla, type Kernels } from "@pharos/kernels";
import type { ChunkDecoder } from "./block.ts";
import { DecodeArea } from "./column-buffer.ts";

/** What a thread needs to decode blocks, in kernels that it may allocate in. */
export class BlockDecoder implements ChunkDecoder {
  readonly kernels: Kernels;
  readonly gorilla: Gorilla;
  readonly area: DecodeArea;
  readonly chunk: number;
  readonly chunkSizeMax = chunkSizeMax(CHUNK_SAMPLES_MAX);

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.kernels = kernels;
    this.gorilla = new Gorilla(kernels);
    this.area = new DecodeArea(kernels);
    this.chunk = kernels.allocate(this.chunkSizeMax);
  }

  /** Gives the memory back. No call may follow. */
  release(): void {
    this.area.release();
    this.kernels.release(this.chunk, this.chunkSizeMax);
  }
}
