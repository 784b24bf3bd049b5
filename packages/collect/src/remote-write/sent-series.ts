import { type Label, type Labels, mergeLabels, ProtoWriter } from "@pharos/base";
import { type RelabelRule, relabel } from "../relabel.ts";

/** A series as it is sent. */
export interface SentSeries {
  /** The labels as fields of remote write 1.0, and nothing else: there may be millions of series. */
  readonly labelBytes: Uint8Array;
  /** The same as texts, for version 2.0 alone; texts that several series have are there once. */
  readonly labels?: Labels;
  /** The same for the same labels: which shard sends it. */
  readonly hash: number;
}

/** References that are remembered. What they mean is asked for again beyond it. */
const REMEMBERED_MAX = 10_000_000;

/** What becomes of the log's series on their way out: external labels, then relabelling; decided once for each. */
export class SentSeriesTable {
  readonly #externalLabels: Labels;
  readonly #rules: readonly RelabelRule[];
  /** Null for a series that is not sent. */
  readonly #byReference = new Map<number, SentSeries | null>();
  readonly #keepsLabels: boolean;
  readonly #texts = new Map<string, string>();
  #epoch = -1;

  /** @param keepsLabels whether labels are wanted as texts as well. */
  constructor(externalLabels: Labels, rules: readonly RelabelRule[], keepsLabels = false) {
    this.#externalLabels = externalLabels;
    this.#rules = rules;
    this.#keepsLabels = keepsLabels;
  }

  /** References mean other series where this is another number than before. */
  begin(epoch: number): void {
    if (epoch === this.#epoch && this.#byReference.size < REMEMBERED_MAX) return;
    this.#epoch = epoch;
    this.#byReference.clear();
    this.#texts.clear();
  }

  /** The series of a reference; null where it is not sent. */
  get(ref: number, labelsOf: (ref: number) => Labels): SentSeries | null {
    const known = this.#byReference.get(ref);
    if (known !== undefined) return known;
    const series = this.#sent(labelsOf(ref));
    this.#byReference.set(ref, series);
    return series;
  }

  #sent(own: Labels): SentSeries | null {
    const labels = relabel(mergeLabels(this.#externalLabels, own), this.#rules);
    if (labels === undefined || labels.length === 0) return null;
    const out = new ProtoWriter(64);
    for (const [name, value] of labels) {
      out.begin(1);
      out.text(1, name);
      out.text(2, value);
      out.end();
    }
    const labelBytes = out.bytes.slice();
    const series = { labelBytes, hash: hashOf(labelBytes) };
    if (!this.#keepsLabels) return series;
    const shared = labels.map(([name, value]): Label => [this.#shared(name), this.#shared(value)]);
    return { ...series, labels: shared };
  }

  #shared(text: string): string {
    return this.#texts.getOrInsert(text, text);
  }
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c_9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return hash >>> 0;
}
