import { samplesOfHistogram } from "../sample-counts.ts";
import { moveWindows, type RawSamples, sameWindows, type Windows } from "../windows.ts";

/** Adds up how many samples the windows of a range vector hold, step by step. */
export class WindowCounts {
  readonly #windows: Windows;
  readonly #counts: Float64Array;

  constructor(windows: Windows, counts: Float64Array) {
    this.#windows = sameWindows(windows);
    this.#counts = counts;
  }

  add(raw: RawSamples): void {
    const counts = this.#counts;
    const windows = this.#windows;
    const { from, to } = windows;
    moveWindows(windows, raw);
    for (let i = 0; i < counts.length; i++)
      counts[i] = (counts[i] as number) + (to[i] as number) - (from[i] as number);
    if (raw.histograms === undefined) return;
    const { histograms, length } = raw.histograms;
    const before = new Float64Array(length + 1);
    for (let i = 0; i < length; i++) {
      const histogram = histograms[i];
      const samples = histogram === undefined ? 0 : samplesOfHistogram(histogram);
      before[i + 1] = (before[i] as number) + samples;
    }
    moveWindows(windows, raw.histograms);
    for (let i = 0; i < counts.length; i++)
      counts[i] =
        (counts[i] as number) +
        (before[to[i] as number] as number) -
        (before[from[i] as number] as number);
  }
}
