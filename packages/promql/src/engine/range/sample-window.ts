import type { NativeHistogram } from "@pharos/base";
import { detectReset } from "../histogram/counter-reset.ts";
import { FLOAT, NONE, putHistogram, type StepSeries } from "../step-series.ts";
import type { RawHistograms, RawSamples, Windows } from "../windows.ts";

const NO_RESET = 1;
const RESET = 2;

/**
 * One window of a series that has histograms: its floats and its histograms, each at times of their own. One object for
 * all windows of a series, moved from one to the next.
 */
export class SampleWindow {
  readonly floats: RawSamples;
  readonly histograms: RawHistograms;
  /** The window's floats: from `low` (included) to `high` (excluded). */
  low = 0;
  high = 0;
  /** Likewise its histograms. */
  first = 0;
  end = 0;
  /** The window's range, whatever it reaches beyond that: after `startMs` and up to `endMs`. */
  startMs = 0;
  endMs = 0;
  rangeMs = 0;
  readonly #out: StepSeries;
  /** By histogram, whether its counts were reset after the one before it: 0 where nobody has asked yet. */
  readonly #resets: Uint8Array;
  #step = 0;

  constructor(floats: RawSamples, histograms: RawHistograms, out: StepSeries) {
    this.floats = floats;
    this.histograms = histograms;
    this.#out = out;
    this.#resets = new Uint8Array(histograms.length);
  }

  move(step: number, floatWindows: Windows, histogramWindows: Windows): void {
    this.#step = step;
    this.low = floatWindows.from[step] as number;
    this.high = floatWindows.to[step] as number;
    this.first = histogramWindows.from[step] as number;
    this.end = histogramWindows.to[step] as number;
    this.rangeMs = floatWindows.rangeMs;
    this.endMs = floatWindows.endsMs[step] as number;
    this.startMs = this.endMs - this.rangeMs;
  }

  get floatCount(): number {
    return this.high - this.low;
  }

  get histogramCount(): number {
    return this.end - this.first;
  }

  histogram(at: number): NativeHistogram {
    return this.histograms.histograms[at] as NativeHistogram;
  }

  histogramMs(at: number): number {
    return this.histograms.timestampsMs[at] as number;
  }

  /** NaN where it is not known. */
  histogramStartMs(at: number): number {
    return this.histograms.startsMs?.[at] ?? Number.NaN;
  }

  floatStartMs(at: number): number {
    return this.floats.startsMs?.[at] ?? Number.NaN;
  }

  /**
   * Whether counts were reset between the histogram before `at`, or what stands for it, and that one. Of two histograms that
   * is found once for all windows with both.
   */
  isReset(at: number, previous: NativeHistogram = this.histogram(at - 1)): boolean {
    const current = this.histogram(at);
    if (previous !== this.histogram(at - 1)) return detectReset(current, previous);
    if (this.#resets[at] === 0)
      this.#resets[at] = detectReset(current, previous) ? RESET : NO_RESET;
    return this.#resets[at] === RESET;
  }

  giveNothing(): void {
    this.#out.present[this.#step] = NONE;
  }

  give(value: number): void {
    this.#out.values[this.#step] = value;
    this.#out.present[this.#step] = FLOAT;
  }

  giveHistogram(histogram: NativeHistogram): void {
    putHistogram(this.#out, this.#step, histogram);
  }
}
