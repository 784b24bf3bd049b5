import { equalLabels, type Labels } from "@pharos/base";
import { type LabelledSeries, LabelMerge } from "./label-merge.ts";
import type { Pause } from "./slices.ts";

/** Series of one place, in the order of their labels, that may have samples in a range. */
export interface PresenceSource extends LabelledSeries {
  /** Whether the series at a place of the source has some; asked where no source before it has. */
  isPresent(at: number): boolean;
}

/** Series that are known to have some; sorted, each perhaps several times. */
export function presentSeries(labelSets: readonly Labels[]): PresenceSource {
  return {
    seriesCount: labelSets.length,
    labelsAt: (at) => labelSets[at] as Labels,
    isPresent: () => true,
  };
}

/** The series of all sources that are present in any of them, sorted, each once. @throws what `pause` throws. */
export async function mergedSeries(
  sources: readonly PresenceSource[],
  pause: Pause,
): Promise<Labels[]> {
  const merge = new LabelMerge(sources);
  const found: Labels[] = [];
  let last: Labels | undefined;
  for (let labels = merge.next(); labels !== undefined; labels = merge.next()) {
    await pause();
    let isPresent = false;
    for (let number = 0; number < merge.currentCount && !isPresent; number++)
      isPresent = merge.currentSource(number).isPresent(merge.currentPosition(number));
    // A source may have the same one several times.
    if (!isPresent || (last !== undefined && equalLabels(last, labels))) continue;
    found.push(labels);
    last = labels;
  }
  return found;
}
