import type { NativeHistogram } from "@pharos/base";
import type { Extent } from "../../syntax/ast.ts";
import { histogramsEqual } from "../histogram/arithmetic.ts";
import type { RawSamples, StepColumn, Windows } from "../windows.ts";
import { anchorOf, firstAfter } from "./extent.ts";
import type { SampleWindow } from "./sample-window.ts";
import { beginsAnew } from "./start-times.ts";

/** One sample of a window, with what is needed to compare it with its neighbour. */
interface Sample {
  readonly timestampMs: number;
  readonly startMs: number;
  readonly value: number;
  readonly histogram: NativeHistogram | undefined;
  /** Which of the series' histograms that is; -1 for a float. */
  readonly at: number;
}

/** `changes` and `resets`: how often a sample differs from the one before, or begins anew. */
export type Turn = "changes" | "resets";

/** How many turns there are in windows of floats, each with the sample before it where `anchored`. */
export function countTurns(
  turn: Turn,
  extent: Extent | undefined,
): (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn) => void {
  const count = turn === "changes" ? countChanges : countResets;
  return (raw, windows, _, out) => {
    for (let i = 0; i < windows.count; i++) {
      const high = windows.to[i] as number;
      let low = windows.from[i] as number;
      if (extent !== undefined && low < high) {
        const startMs = (windows.endsMs[i] as number) - windows.rangeMs;
        low = anchorOf(raw.timestampsMs, low, high, startMs);
      }
      if (low === high) continue;
      out.values[i] = count(raw, low, high);
      out.present[i] = 1;
    }
  };
}

function countChanges({ values }: RawSamples, low: number, high: number): number {
  let count = 0;
  let previous = values[low] as number;
  for (let i = low + 1; i < high; i++) {
    const current = values[i] as number;
    if (current !== previous && !(Number.isNaN(current) && Number.isNaN(previous))) count++;
    previous = current;
  }
  return count;
}

function countResets(
  { values, timestampsMs, startsMs }: RawSamples,
  low: number,
  high: number,
): number {
  let count = 0;
  for (let i = low + 1; i < high; i++)
    if (
      (values[i] as number) < (values[i - 1] as number) ||
      (startsMs !== undefined &&
        beginsAnew(
          startsMs[i - 1] as number,
          timestampsMs[i - 1] as number,
          startsMs[i] as number,
          timestampsMs[i] as number,
        ))
    )
      count++;
  return count;
}

/** As `countTurns`, of a window with histograms: to go from a float to a histogram or back is a turn, too. */
export function countMixedTurns(
  window: SampleWindow,
  turn: Turn,
  extent: Extent | undefined,
): void {
  const samples =
    extent === undefined ? mergedFrom(window, window.low, window.first) : anchored(window);
  if (samples === undefined) {
    window.giveNothing();
    return;
  }
  const isTurn = turn === "changes" ? differs : isReset;
  let count = 0;
  for (let i = 1; i < samples.length; i++)
    if (isTurn(samples[i - 1] as Sample, samples[i] as Sample, window)) count++;
  window.give(count);
}

/** The samples after the window's start and the last one before, of either kind; undefined if there are none after it. */
function anchored(window: SampleWindow): Sample[] | undefined {
  const { floats, histograms, startMs, high, end } = window;
  const nextFloat = firstAfter(floats.timestampsMs, window.low, high, startMs);
  const nextHistogram = firstAfter(histograms.timestampsMs, window.first, end, startMs);
  if (nextFloat === high && nextHistogram === end) return undefined;
  const floatMs =
    nextFloat > window.low
      ? (floats.timestampsMs[nextFloat - 1] as number)
      : Number.NEGATIVE_INFINITY;
  const histogramMs =
    nextHistogram > window.first ? window.histogramMs(nextHistogram - 1) : Number.NEGATIVE_INFINITY;
  if (floatMs === histogramMs) return mergedFrom(window, nextFloat, nextHistogram);
  return floatMs > histogramMs
    ? mergedFrom(window, nextFloat - 1, nextHistogram)
    : mergedFrom(window, nextFloat, nextHistogram - 1);
}

/** The floats from `low` and the histograms from `first` to the window's end, by time. */
function mergedFrom(window: SampleWindow, low: number, first: number): Sample[] {
  const { timestampsMs, values } = window.floats;
  const samples: Sample[] = [];
  for (let i = low; i < window.high; i++)
    samples.push({
      timestampMs: timestampsMs[i] as number,
      startMs: window.floatStartMs(i),
      value: values[i] as number,
      histogram: undefined,
      at: -1,
    });
  for (let i = first; i < window.end; i++)
    samples.push({
      timestampMs: window.histogramMs(i),
      startMs: window.histogramStartMs(i),
      value: Number.NaN,
      histogram: window.histogram(i),
      at: i,
    });
  return samples.sort((a, b) => a.timestampMs - b.timestampMs);
}

function differs(previous: Sample, current: Sample): boolean {
  if (previous.histogram !== undefined && current.histogram !== undefined)
    return !histogramsEqual(current.histogram, previous.histogram);
  if (previous.histogram !== current.histogram) return true;
  return (
    current.value !== previous.value &&
    !(Number.isNaN(current.value) && Number.isNaN(previous.value))
  );
}

function isReset(previous: Sample, current: Sample, window: SampleWindow): boolean {
  const { startMs, timestampMs } = previous;
  if ((previous.histogram === undefined) !== (current.histogram === undefined)) return true;
  if (beginsAnew(startMs, timestampMs, current.startMs, current.timestampMs)) return true;
  // Two histograms without a float between them are neighbours among the histograms, too.
  return current.histogram === undefined
    ? current.value < previous.value
    : window.isReset(current.at);
}
