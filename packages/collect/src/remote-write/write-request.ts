import { type Label, ProtoWriter, packSnappy } from "@pharos/base";
import { decodeLabels, METRIC_TYPES } from "@pharos/kernels";
import type { MetricMetadata } from "@pharos/ports";
import type { RemoteWriteProtocol } from "./remote-write-settings.ts";
import type { SentSeries } from "./sent-series.ts";

/** Samples on their way out, in columns. */
export interface SentSamples {
  readonly count: number;
  /** Of each sample. */
  readonly series: readonly SentSeries[];
  /** Unix epoch, ms, integers. */
  readonly timestampsMs: Float64Array;
  /** Two words a sample, the low half first: staleness markers are bits. */
  readonly valueBits: Uint32Array;
}

/** What goes with requests of a protocol. */
export const PROTOCOL_HEADERS: Readonly<
  Record<RemoteWriteProtocol, Readonly<Record<string, string>>>
> = {
  "prometheus.WriteRequest": {
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
  },
  "io.prometheus.write.v2.Request": {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
  },
};

/** Writes bodies of remote write, in memory that it uses again. */
export class WriteRequestEncoder {
  readonly #protocol: RemoteWriteProtocol;
  readonly #out = new ProtoWriter(64 * 1024);
  readonly #series = new ProtoWriter(64 * 1024);

  constructor(protocol: RemoteWriteProtocol) {
    this.#protocol = protocol;
  }

  /** A body with some samples, those of a series together and in their order; packed. */
  samples(samples: SentSamples): Uint8Array<ArrayBuffer> {
    const places = new Map<SentSeries, number[]>();
    for (let i = 0; i < samples.count; i++) {
      const series = samples.series[i] as SentSeries;
      const known = places.get(series);
      if (known === undefined) places.set(series, [i]);
      else known.push(i);
    }
    this.#out.clear();
    if (this.#protocol === "prometheus.WriteRequest") this.#version1(samples, places);
    else this.#version2(samples, places);
    return packSnappy(this.#out.bytes);
  }

  #version1(samples: SentSamples, places: ReadonlyMap<SentSeries, readonly number[]>): void {
    const out = this.#out;
    for (const [series, list] of places) {
      out.begin(1);
      out.raw(series.labelBytes);
      for (const at of list) this.#sample(out, samples, at);
      out.end();
    }
  }

  #version2(samples: SentSamples, places: ReadonlyMap<SentSeries, readonly number[]>): void {
    const symbols = new Symbols();
    const series = this.#series;
    series.clear();
    for (const [{ labels, labelBytes }, list] of places) {
      series.begin(5);
      series.begin(1);
      for (const label of labels ?? decodeLabels(labelBytes)) symbols.put(series, label);
      series.end();
      for (const at of list) this.#sample(series, samples, at);
      series.end();
    }
    for (const text of symbols.texts) this.#out.text(4, text);
    this.#out.raw(series.bytes);
  }

  /** The same in both versions. */
  #sample(out: ProtoWriter, { timestampsMs, valueBits }: SentSamples, at: number): void {
    out.begin(2);
    out.doubleBits(1, valueBits[at * 2] as number, valueBits[at * 2 + 1] as number);
    out.int64(2, timestampsMs[at] as number);
    out.end();
  }

  /** A body that describes metrics and has no samples; of version 1.0, which alone knows such. */
  metadata(list: readonly MetricMetadata[]): Uint8Array<ArrayBuffer> {
    const out = this.#out;
    out.clear();
    for (const { metric, type, help, unit } of list) {
      out.begin(3);
      out.int64(1, Math.max(0, (METRIC_TYPES as readonly string[]).indexOf(type)));
      out.text(2, metric);
      if (help !== "") out.text(4, help);
      if (unit !== "") out.text(5, unit);
      out.end();
    }
    return packSnappy(out.bytes);
  }
}

/** The texts of a body of version 2.0, each once; the first is the empty one. */
class Symbols {
  readonly texts: string[] = [""];
  readonly #places = new Map([["", 0]]);

  /** Writes the places of a label's name and value. */
  put(out: ProtoWriter, [name, value]: Label): void {
    out.varint(this.#place(name));
    out.varint(this.#place(value));
  }

  #place(text: string): number {
    return this.#places.getOrInsertComputed(text, () => this.texts.push(text) - 1);
  }
}
