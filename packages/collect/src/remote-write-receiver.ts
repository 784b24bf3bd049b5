import { errorText, formatLabels, type Label, type Labels, OperatingError } from "@pharos/base";
import {
  type BodyLimits,
  decodeLabels,
  type Kernels,
  LabelCheck,
  RemoteWriteDecoder,
  type RemoteWriteSummary,
  VALUE_DROPPED,
  VALUE_REFUSED,
} from "@pharos/kernels";
import type { AppendResult, ExemplarResult } from "@pharos/ports";
import { addResults } from "./append-results.ts";
import type { ColumnSink } from "./column-sink.ts";
import { labelsProblem, PUSH_LIMITS, type PushLimits } from "./push-limits.ts";
import { metadataOf } from "./target-metadata.ts";

export interface RemoteWriteResult {
  readonly series: number;
  /** What became of samples and native histograms. */
  readonly appended: AppendResult;
  /** Samples whose series has labels that we do not take, and why; the other samples of the body were appended. */
  readonly refused: { readonly samples: number; readonly reason: string } | undefined;
  /** Native histograms that cannot be read or contradict themselves, and why the first of them is not taken. */
  readonly refusedHistograms: { readonly histograms: number; readonly reason: string } | undefined;
  /** No exemplar that is not taken is an error: they are samples of samples. */
  readonly exemplars: ExemplarResult;
  /** What is there now, each kind for itself: what was appended and what was there already. */
  readonly written: {
    readonly samples: number;
    readonly histograms: number;
    readonly exemplars: number;
  };
}

const NO_EXEMPLARS: ExemplarResult = { appended: 0, outOfOrder: 0, refused: 0 };

/** Why new series are refused while the known ones are taken. */
const NO_ROOM = "no more series may begin: --head-series-max, or the memory, allows no more";

/** How much of a refused series an error message shows. */
const SHOWN_LENGTH_MAX = 200;

/** Takes bodies of Prometheus remote write 1.0 into the store. */
export class RemoteWriteReceiver {
  readonly #sink: ColumnSink;
  readonly #decoder: RemoteWriteDecoder;
  readonly #check: LabelCheck;
  readonly #limits: PushLimits;
  /** The table remembers only that a series is refused, not why: this is why the last one that was described was. */
  #lastProblem = "";

  /** @throws OperatingError `memory.full`. */
  constructor(
    kernels: Kernels,
    sink: ColumnSink,
    options: { readonly limits?: PushLimits; readonly bodyLimits?: BodyLimits } = {},
  ) {
    this.#sink = sink;
    this.#limits = options.limits ?? PUSH_LIMITS;
    this.#check = new LabelCheck(kernels);
    this.#decoder = new RemoteWriteDecoder(kernels, sink.table, sink.columns, options.bodyLimits);
  }

  /**
   * Appends the samples of a body (protobuf in snappy's block format). When the promise resolves they survive a crash.
   * A series with labels that break a limit is left out and reported: a sender does not send a refused body again, and
   * one bad series must not take thousands of good samples with it.
   *
   * @throws OperatingError `input.invalid`, `input.too_large`: the body is malformed or too large as a whole;
   *   `queue.full`, `memory.full`, `disk.full`, `disk.failed`: try it again later. What was appended by then is there
   *   already when it comes again, which changes nothing.
   */
  async receive(body: Uint8Array): Promise<RemoteWriteResult> {
    const problems: string[] = [];
    const { starter } = this.#sink;
    const summary = this.#decoder.decode(
      body,
      (bytes) => this.#resolve(bytes, problems),
      starter === undefined ? undefined : { starter, limits: this.#limits },
    );
    const { attachments } = summary;
    if (attachments?.starts !== undefined) this.#sink.starts?.append(attachments.starts);
    const appending = Promise.resolve(this.#sink.appendColumns());
    appending.catch(() => {}); // Heard below; here only for when what follows throws at once.
    this.#sink.columns.clear();
    const appendingOthers = this.#appendOthers(summary);
    appendingOthers.catch(() => {}); // The same.
    const appended = await appending;
    const [histograms, exemplars] = await appendingOthers;
    const refusedHistograms = attachments?.refused.histograms ?? 0;
    return {
      series: summary.series,
      appended: histograms === undefined ? appended : addResults(appended, histograms),
      refused:
        summary.dropped === 0
          ? undefined
          : { samples: summary.dropped, reason: problems[0] ?? this.#lastProblem },
      refusedHistograms:
        refusedHistograms === 0
          ? undefined
          : { histograms: refusedHistograms, reason: attachments?.refused.reason ?? "" },
      exemplars: exemplars ?? NO_EXEMPLARS,
      written: {
        samples: appended.appended + appended.duplicate,
        histograms: (histograms?.appended ?? 0) + (histograms?.duplicate ?? 0),
        exemplars: exemplars?.appended ?? 0,
      },
    };
  }

  /** Hands on what is no sample, before anything is waited for. */
  async #appendOthers({ attachments, metadata }: RemoteWriteSummary) {
    const sink = this.#sink.attachments;
    if (sink === undefined) return [undefined, undefined] as const;
    const histograms =
      attachments !== null && attachments.histograms.refs.length > 0
        ? sink.appendHistograms(attachments.histograms)
        : undefined;
    const exemplars =
      attachments !== null && attachments.exemplars.refs.length > 0
        ? sink.appendExemplars(attachments.exemplars)
        : undefined;
    const described = metadata.length > 0 ? sink.appendMetadata(metadataOf(metadata)) : undefined;
    const [appended, kept] = await Promise.all([histograms, exemplars, described]);
    return [appended, kept] as const;
  }

  #resolve(bytes: Uint8Array, problems: string[]): number {
    if (this.#check.isNamedWithin(bytes, this.#limits)) return this.#admit(bytes, problems);
    const problem = this.#problemOf(bytes, problems);
    if (typeof problem === "number") return problem;
    if (problems.length > 0) return VALUE_DROPPED;
    this.#lastProblem = problem;
    problems.push(problem);
    return VALUE_DROPPED;
  }

  /** What the sink says of a series that could be taken. */
  #admit(series: Labels | Uint8Array, problems: string[]): number {
    const value = this.#sink.admit(series);
    // Nothing is wrong with the series itself, and its sender may hear of room for it the next time.
    if (value === VALUE_REFUSED && problems.length === 0) problems.push(NO_ROOM);
    return value;
  }

  /** The sink's word for the series, or what is wrong with it: in words only for the first, since they cost. */
  #problemOf(bytes: Uint8Array, problems: string[]): number | string {
    try {
      const labels = decodeLabels(bytes);
      const problem = labelsProblem(labels, this.#limits);
      if (problem === undefined) return this.#admit(labels, problems);
      return problems.length === 0 ? `series ${shown(labels)}: ${problem}` : "";
    } catch (error) {
      if (error instanceof OperatingError && error.code === "input.invalid")
        return errorText(error);
      throw error;
    }
  }
}

function shown(labels: Labels): string {
  const short = labels.map(
    ([name, value]): Label => [name.slice(0, SHOWN_LENGTH_MAX), value.slice(0, SHOWN_LENGTH_MAX)],
  );
  return formatLabels(short).slice(0, SHOWN_LENGTH_MAX);
}
