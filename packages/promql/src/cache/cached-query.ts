import { compareLabels, type Labels, labelsKey } from "@pharos/base";
import { type Extent, extentSize } from "./extent.ts";

/** Bytes of an entry in the table of series, beside those of its labels. */
const SERIES_SIZE = 120;
const LABEL_SIZE = 64;
/** A table that has so many series more than are in use, by this factor, is not worth going on with. */
const UNUSED_FACTOR = 4;
const UNUSED_MIN = 1000;

/** What is kept of one expression at one step: its extents by number, and the labels of all series that are in them. */
export class CachedQuery {
  readonly key: string;
  /** The metrics that it reads; undefined where that cannot be told. */
  readonly metrics: ReadonlySet<string> | undefined;
  readonly #extents = new Map<number, Extent>();
  readonly #numbers = new Map<string, number>();
  readonly #labels: Labels[] = [];
  #order: Uint32Array | undefined;
  #size = 0;

  constructor(key: string, metrics: ReadonlySet<string> | undefined) {
    this.key = key;
    this.metrics = metrics;
  }

  /** In bytes, about. */
  get size(): number {
    return this.#size;
  }

  get seriesCount(): number {
    return this.#labels.length;
  }

  /** By number: each has `EXTENT_STEPS` steps. */
  get extents(): ReadonlyMap<number, Extent> {
    return this.#extents;
  }

  /** The number of the series with these labels. */
  seriesOf(labels: Labels): number {
    const key = labelsKey(labels);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#labels.length;
    this.#numbers.set(key, number);
    this.#labels.push(labels);
    this.#order = undefined;
    this.#size += SERIES_SIZE + key.length * 2 + labels.length * LABEL_SIZE;
    return number;
  }

  labelsOf(series: number): Labels {
    return this.#labels[series] as Labels;
  }

  /** The numbers of all series, sorted by their labels. */
  get order(): Uint32Array {
    this.#order ??= Uint32Array.from(this.#labels.keys()).sort((a, b) =>
      compareLabels(this.labelsOf(a), this.labelsOf(b)),
    );
    return this.#order;
  }

  put(number: number, extent: Extent): void {
    this.drop(number);
    this.#extents.set(number, extent);
    this.#size += extentSize(extent);
  }

  drop(number: number): void {
    const extent = this.#extents.get(number);
    if (extent === undefined) return;
    this.#extents.delete(number);
    this.#size -= extentSize(extent);
  }

  /** Whether most of the series are in no extent any more. */
  get isMostlyUnused(): boolean {
    let used = 0;
    for (const { rows } of this.#extents.values()) used = Math.max(used, rows.length);
    return this.seriesCount > UNUSED_MIN + UNUSED_FACTOR * used;
  }
}
