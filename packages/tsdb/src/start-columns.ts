/** For the samples of one series that were read, when their counting began. Used again for every series. */
export class StartColumns {
  #floats: Filling = new Filling();
  #histograms: Filling = new Filling();

  /** Begins anew, for samples at these times: ascending, and valid as long as this is used. */
  begin(floatTimesMs: Float64Array, histogramTimesMs: Float64Array): void {
    this.#floats.begin(floatTimesMs);
    this.#histograms.begin(histogramTimesMs);
  }

  /** Of float samples, NaN where it is not known; undefined where it is of none. Valid until `begin`. */
  get floats(): Float64Array | undefined {
    return this.#floats.starts;
  }

  /** The same for native histograms. */
  get histograms(): Float64Array | undefined {
    return this.#histograms.starts;
  }

  /** Adds starts of samples, by time. What was added before stands. */
  addPoints(timestampsMs: Float64Array, bits: Uint32Array): void {
    const startsMs = asNumbers(bits);
    const reach = (at: number): number => timestampsMs[at] as number;
    const startAt = (at: number): number => startsMs[at] as number;
    this.#add(timestampsMs.length, reach, reach, startAt);
  }

  /** Adds runs as `HeadStarts.addWithin` gives them. */
  addRuns(runs: Float64Array): void {
    const part = (offset: number) => (at: number) => runs[at * 3 + offset] as number;
    this.#add(runs.length / 3, part(0), part(1), part(2));
  }

  #add(count: number, first: Of, last: Of, start: Of): void {
    this.#floats.fill(count, first, last, start);
    this.#histograms.fill(count, first, last, start);
  }
}

/** A number of the run at a place. */
type Of = (at: number) => number;

class Filling {
  #timestampsMs: Float64Array = new Float64Array(0);
  #room = new Float64Array(64);
  #any = false;

  begin(timestampsMs: Float64Array): void {
    this.#timestampsMs = timestampsMs;
    this.#any = false;
  }

  get starts(): Float64Array | undefined {
    return this.#any ? this.#room.subarray(0, this.#timestampsMs.length) : undefined;
  }

  /** Fills in what is not known yet, from runs that rise without overlap. */
  fill(count: number, first: Of, last: Of, start: Of): void {
    const times = this.#timestampsMs;
    let at = 0;
    for (let i = 0; i < times.length && at < count; i++) {
      const timeMs = times[i] as number;
      while (at < count && last(at) < timeMs) at++;
      if (at === count || first(at) > timeMs) continue;
      if (!this.#any) this.#clear();
      if (Number.isNaN(this.#room[i])) this.#room[i] = start(at);
    }
  }

  #clear(): void {
    const { length } = this.#timestampsMs;
    if (this.#room.length < length) this.#room = new Float64Array(length * 2);
    this.#room.fill(Number.NaN, 0, length);
    this.#any = true;
  }
}

function asNumbers(bits: Uint32Array): Float64Array {
  const isAligned = bits.byteOffset % 8 === 0;
  const own = isAligned ? bits : bits.slice();
  return new Float64Array(own.buffer, own.byteOffset, own.length / 2);
}
