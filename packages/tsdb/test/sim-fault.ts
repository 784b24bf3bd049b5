import { OperatingError, type Rng } from "@pharos/base";
import type { SimDisk } from "@pharos/testing";

/** What may find no room. */
const WRITING = new Set([
  "openAppend",
  "append",
  "sync",
  "makeDirectory",
  "rename",
  "syncDirectory",
]);

/** A disk that is full, or fails, from some call on: once, or until the fault is cleared. */
export class Fault {
  readonly #disk: SimDisk;
  /** How many calls it made fail. */
  fired = 0;
  /** Whether a call failed for good: the log may then take nothing more until the store is opened again. */
  isBroken = false;
  #limitsSpace = false;

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  plant(rng: Rng): void {
    this.fired = 0;
    if (rng.chance(30)) {
      this.#disk.freeSize = rng.below(rng.chance(50) ? 400 : 4000);
      this.#limitsSpace = true;
      return;
    }
    const code = rng.chance(50) ? "disk.full" : "disk.failed";
    const once = rng.chance(50);
    let left = rng.below(rng.chance(50) ? 10 : 60);
    this.#disk.beforeCall = (call, path) => {
      // Asked for figures as well, which nobody has to answer for.
      if (call === "freeSpace") return;
      const isWrite = WRITING.has(call);
      if (code === "disk.full" && !isWrite) return;
      if (left-- > 0 || (once && this.fired > 0)) return;
      this.fired++;
      if (code === "disk.failed") this.isBroken = true;
      throw new OperatingError(code, `${call} of ${path}: a fault of the simulation`);
    };
  }

  clear(): void {
    this.#disk.beforeCall = () => {};
    this.#disk.freeSize = Number.POSITIVE_INFINITY;
    this.#limitsSpace = false;
    this.fired = 0;
  }

  /** Whether there was, or may have been, no room for something. */
  get mayHaveBeenFull(): boolean {
    return this.fired > 0 || this.#limitsSpace;
  }

  /** Whether an error comes of this fault, or of one before it that lasts. */
  explains({ code }: OperatingError): boolean {
    if (code === "disk.full") return this.fired > 0 || this.#limitsSpace;
    return code === "disk.failed" && (this.fired > 0 || this.isBroken);
  }
}
