import { type Labels, labelValue, METRIC_NAME } from "@pharos/base";
import type { Span } from "../../syntax/ast.ts";
import type { Annotations, HistogramOperation } from "../annotations.ts";

/** What a function of a range vector has to say about the series that it is computing now. */
export class RangeNotes {
  readonly #annotations: Annotations;
  /** Of the range vector. */
  readonly #span: Span;
  #labels: Labels = [];
  #metricName: string | undefined;
  /** The name that was last looked at for whether it is a counter's. */
  #lookedAt = "";

  constructor(annotations: Annotations, span: Span) {
    this.#annotations = annotations;
    this.#span = span;
  }

  about(labels: Labels): void {
    this.#labels = labels;
    this.#metricName = undefined;
  }

  /** Of the series, as it came from the store. */
  get metricName(): string {
    this.#metricName ??= labelValue(this.#labels, METRIC_NAME);
    return this.#metricName;
  }

  mixedFloatsAndHistograms(): void {
    this.#annotations.mixedFloatsAndHistograms(this.metricName, this.#span);
  }

  mixedSchemas(): void {
    this.#annotations.mixedSchemas(this.metricName, this.#span);
  }

  notCounter(): void {
    this.#annotations.histogramNotCounter(this.metricName, this.#span);
  }

  notGauge(): void {
    this.#annotations.histogramNotGauge(this.metricName, this.#span);
  }

  histogramsIgnored(): void {
    this.#annotations.histogramIgnoredInRange(this.metricName, this.#span);
  }

  boundsReconciled(operation: HistogramOperation): void {
    this.#annotations.customBoundsReconciled(operation, this.#span);
  }

  resetCollision(operation: HistogramOperation): void {
    this.#annotations.counterResetCollision(operation, this.#span);
  }

  overlappingStartTime(): void {
    this.#annotations.overlappingStartTime(this.metricName, this.#span);
  }

  /** If the series says what it is, by its label for that or else by its name, and that is no counter. */
  possibleNonCounter(): void {
    const { metricName } = this;
    if (metricName === "") return;
    const type = labelValue(this.#labels, "__type__");
    if (type !== "") {
      if (type !== "counter" && type !== "histogram")
        this.#annotations.nonCounterType(metricName, type, this.#span);
      return;
    }
    // Neighbours mostly have the same name: one look is enough.
    if (metricName === this.#lookedAt) return;
    this.#lookedAt = metricName;
    if (!/_(?:total|sum|count|bucket)$/.test(metricName))
      this.#annotations.possibleNonCounter(metricName, this.#span);
  }

  invalidQuantile(quantile: number): void {
    this.#annotations.invalidQuantile(quantile, this.#span);
  }
}
