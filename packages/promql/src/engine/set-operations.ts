import type { VectorMatching } from "../syntax/ast.ts";
import type { GroupIndex } from "./group-index.ts";
import { hasSamples, mergeSameLabels, NONE, type StepSeries } from "./step-series.ts";
import { matchIndex } from "./vector-matching.ts";

/** and, or, unless: series of one side by whether the other has a match at the same step. */
export function setOperation(
  op: "and" | "or" | "unless",
  matching: VectorMatching,
  left: readonly StepSeries[],
  right: readonly StepSeries[],
): StepSeries[] {
  switch (op) {
    case "and":
      return new MatchPresence(matching, right).only(left);
    case "unless":
      return new MatchPresence(matching, right).without(left);
    case "or":
      // A series may come from the left at some steps and from the right at others.
      return mergeSameLabels([...left, ...new MatchPresence(matching, left).without(right)]);
  }
}

/** Where a vector has samples that others may match. */
class MatchPresence {
  readonly #index: GroupIndex<{ there: Uint8Array | undefined }>;

  constructor(matching: VectorMatching, list: readonly StepSeries[]) {
    this.#index = matchIndex(matching);
    for (const { labels, present } of list) {
      const group = this.#index.of(labels, noPresence);
      group.there ??= new Uint8Array(present.length);
      for (let i = 0; i < present.length; i++) if (present[i] !== NONE) group.there[i] = 1;
    }
  }

  /** The samples that match one of the vector's at the same step. In place. */
  only(list: readonly StepSeries[]): StepSeries[] {
    return list.filter((series) => {
      const { there } = this.#index.of(series.labels, noPresence);
      if (there === undefined) return false;
      for (let i = 0; i < there.length; i++) if (there[i] === 0) series.present[i] = NONE;
      return hasSamples(series);
    });
  }

  /** The samples that match none. In place. */
  without(list: readonly StepSeries[]): StepSeries[] {
    return list.filter((series) => {
      const { there } = this.#index.of(series.labels, noPresence);
      if (there === undefined) return true;
      for (let i = 0; i < there.length; i++) if (there[i] === 1) series.present[i] = NONE;
      return hasSamples(series);
    });
  }
}

function noPresence(): { there: Uint8Array | undefined } {
  return { there: undefined };
}
