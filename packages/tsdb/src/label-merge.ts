import { compareLabels, type Labels } from "@pharos/base";

/** The series of one place, such as the head or a block, in the order of their labels. */
export interface LabelledSeries {
  readonly seriesCount: number;
  labelsAt(at: number): Labels;
}

/** Goes through the series of several sources in the order of labels; the same series of several is one. */
export class LabelMerge<Source extends LabelledSeries> {
  readonly #sources: readonly Source[];
  /** How many series of each source are behind. */
  readonly #positions: Uint32Array;
  /** The labels at each position; undefined at the end. */
  readonly #heads: (Labels | undefined)[];
  /** The sources that have the current series. */
  readonly #current: number[] = [];

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
    this.#positions = new Uint32Array(sources.length);
    this.#heads = sources.map((source) =>
      source.seriesCount > 0 ? source.labelsAt(0) : undefined,
    );
  }

  /** Goes to the next series, and answers its labels; undefined at the end. */
  next(): Labels | undefined {
    for (const at of this.#current) this.#advance(at);
    this.#current.length = 0;
    let least: Labels | undefined;
    // One pass finds the least and all that have it: most series are in nearly every source.
    for (let at = 0; at < this.#heads.length; at++) {
      const labels = this.#heads[at];
      if (labels === undefined) continue;
      // Those that are kept are the same object in all sources.
      const order = least === undefined ? -1 : labels === least ? 0 : compareLabels(labels, least);
      if (order > 0) continue;
      if (order < 0) this.#current.length = 0;
      this.#current.push(at);
      least = labels;
    }
    return least;
  }

  #advance(at: number): void {
    const source = this.#sources[at] as Source;
    const position = (this.#positions[at] as number) + 1;
    this.#positions[at] = position;
    this.#heads[at] = position < source.seriesCount ? source.labelsAt(position) : undefined;
  }

  /** How many sources have the current series; they are asked for by number, in order. */
  get currentCount(): number {
    return this.#current.length;
  }

  currentSource(number: number): Source {
    return this.#sources[this.#current[number] as number] as Source;
  }

  /** The place of the current series in the source of that number. */
  currentPosition(number: number): number {
    return this.#positions[this.#current[number] as number] as number;
  }
}
