import {
  assert,
  encodeHistogram,
  formatLabels,
  histogramProblem,
  type Labels,
  OperatingError,
} from "@pharos/base";
import { encodeLabels } from "@pharos/kernels";
import type { ExemplarBatch, HistogramBatch, SampleBatch } from "@pharos/ports";
import type { BytesEntries, HistogramRecord, StartRecord } from "./attachment-payload.ts";
import type { ExemplarColumns } from "./attachments.ts";

/** What the store calls the series with these labels, which begins if there is none. */
type Intern = (labels: Labels) => number;

/** A batch as the log has it. @throws OperatingError `input.invalid` for a histogram that contradicts itself. */
export function histogramColumns(batch: HistogramBatch, intern: Intern): HistogramRecord {
  const { labelSets, series, timestampsMs, histograms } = batch;
  assert(timestampsMs.length === series.length, "one timestamp a histogram");
  assert(histograms.length === series.length, "one histogram a sample");
  for (const [i, histogram] of histograms.entries()) {
    const problem = histogramProblem(histogram);
    if (problem === undefined) continue;
    const labels = formatLabels(labelSets[series[i] as number] ?? []);
    throw new OperatingError("input.invalid", `a native histogram of ${labels}: ${problem}`);
  }
  return {
    refs: refsOf(labelSets, series, intern),
    timestampsMs,
    histograms: entriesOf(histograms.map(encodeHistogram)),
  };
}

/** A batch as `Attachments.appendExemplars` takes it. */
export function exemplarColumns(batch: ExemplarBatch, intern: Intern): ExemplarColumns {
  const { labelSets, series, exemplars } = batch;
  assert(exemplars.length === series.length, "one exemplar each");
  return {
    refs: refsOf(labelSets, series, intern),
    timestampsMs: Float64Array.from(exemplars, ({ timestampMs }) => timestampMs),
    values: Float64Array.from(exemplars, ({ value }) => value),
    labels: entriesOf(exemplars.map(({ labels }) => encodeLabels(labels))),
    timed: new Uint8Array(exemplars.length).fill(1),
  };
}

/** The start timestamps of a batch; undefined where it has none. */
export function startColumns(
  { labelSets, series, timestampsMs, startsMs }: SampleBatch | HistogramBatch,
  intern: Intern,
): StartRecord | undefined {
  if (startsMs === undefined) return undefined;
  assert(startsMs.length === series.length, "one start a sample");
  return { refs: refsOf(labelSets, series, intern), timestampsMs, startsMs };
}

function refsOf(labelSets: readonly Labels[], series: Uint32Array, intern: Intern): Uint32Array {
  const refs = labelSets.map(intern);
  return series.map((which) => {
    const ref = refs[which];
    assert(ref !== undefined, () => `an entry names label set ${which}`);
    return ref;
  });
}

function entriesOf(pieces: readonly Uint8Array[]): BytesEntries {
  let end = 0;
  const ends = Uint32Array.from(pieces, ({ length }) => {
    end += length;
    return end;
  });
  const bytes = new Uint8Array(end);
  for (const [i, piece] of pieces.entries()) bytes.set(piece, (ends[i] as number) - piece.length);
  return { ends, bytes };
}
