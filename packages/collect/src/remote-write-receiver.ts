import { errorText, formatLabels, type Label, type Labels, OperatingError } from "@pharos/base";
import {
  type BodyLimits,
  decodeLabels,
  type FamilyMetadata,
  type Kernels,
  LabelCheck,
  RemoteWriteDecoder,
  VALUE_DROPPED,
  VALUE_REFUSED,
} from "@pharos/kernels";
import type { AppendResult } from "@pharos/ports";
import type { ColumnSink } from "./column-sink.ts";
import { labelsProblem, PUSH_LIMITS, type PushLimits } from "./push-limits.ts";

export interface RemoteWriteResult {
  readonly series: number;
  readonly appended: AppendResult;
  /** Samples whose series has labels that we do not take, and why; the other samples of the body were appended. */
  readonly refused: { readonly samples: number; readonly reason: string } | undefined;
  readonly exemplarsSkipped: number;
  readonly histogramsSkipped: number;
  readonly metadata: readonly FamilyMetadata[];
}

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
   *   `queue.full`, `memory.full`, `disk.full`, `disk.failed`: try it again later. Nothing was appended then.
   */
  async receive(body: Uint8Array): Promise<RemoteWriteResult> {
    const problems: string[] = [];
    const { starter } = this.#sink;
    const summary = this.#decoder.decode(
      body,
      (bytes) => this.#resolve(bytes, problems),
      starter === undefined ? undefined : { starter, limits: this.#limits },
    );
    const appending = this.#sink.appendColumns();
    this.#sink.columns.clear();
    return {
      series: summary.series,
      appended: await appending,
      refused:
        summary.dropped === 0
          ? undefined
          : { samples: summary.dropped, reason: problems[0] ?? this.#lastProblem },
      exemplarsSkipped: summary.exemplarsSkipped,
      histogramsSkipped: summary.histogramsSkipped,
      metadata: summary.metadata,
    };
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
