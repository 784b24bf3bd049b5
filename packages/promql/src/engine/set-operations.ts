import type { VectorMatching } from "../syntax/ast.ts";
import type { GroupIndex } from "./group-index.ts";
import { hasSamples, mergeSameLabels, NONE, type StepSeries } from "./step-series.ts";
import { type Breaks, eachInTurns, filterInTurns } from "./turns.ts";
import { matchIndex } from "./vector-matching.ts";

/** and, or, unless: series of one side by whether the other has a match at the same step. */
export async function setOperation(
  op: "and" | "or" | "unless",
  matching: VectorMatching,
  left: readonly StepSeries[],
  right: readonly StepSeries[],
  context: Breaks,
): Promise<StepSeries[]> {
  if (op !== "or") {
    const matches = await MatchPresence.of(matching, right, context);
    return op === "and" ? matches.only(left, context) : matches.without(left, context);
  }
  const others = await MatchPresence.of(matching, left, context);
  // A series may come from the left at some steps and from the right at others.
  return mergeSameLabels([...left, ...(await others.without(right, context))], context);
}

/** Where a vector has samples that others may match. */
class MatchPresence {
  readonly #index: GroupIndex<{ there: Uint8Array | undefined }>;

  static async of(
    matching: VectorMatching,
    list: readonly StepSeries[],
    context: Breaks,
  ): Promise<MatchPresence> {
    const presence = new MatchPresence(matching);
    await eachInTurns(list, context, (series) => presence.#add(series));
    return presence;
  }

  private constructor(matching: VectorMatching) {
    this.#index = matchIndex(matching);
  }

  #add({ labels, present }: StepSeries): void {
    const group = this.#index.of(labels, noPresence);
    group.there ??= new Uint8Array(present.length);
    for (let i = 0; i < present.length; i++) if (present[i] !== NONE) group.there[i] = 1;
  }

  /** The samples that match one of the vector's at the same step. In place. */
  only(list: readonly StepSeries[], context: Breaks): Promise<StepSeries[]> {
    return filterInTurns(list, context, (series) => {
      const there = this.#matchOf(series);
      if (there === undefined) return false;
      for (let i = 0; i < there.length; i++) if (there[i] === 0) series.present[i] = NONE;
      return hasSamples(series);
    });
  }

  /** The samples that match none. In place. */
  without(list: readonly StepSeries[], context: Breaks): Promise<StepSeries[]> {
    return filterInTurns(list, context, (series) => {
      const there = this.#matchOf(series);
      if (there === undefined) return true;
      for (let i = 0; i < there.length; i++) if (there[i] === 1) series.present[i] = NONE;
      return hasSamples(series);
    });
  }

  #matchOf({ labels }: StepSeries): Uint8Array | undefined {
    return this.#index.of(labels, noPresence).there;
  }
}

function noPresence(): { there: Uint8Array | undefined } {
  return { there: undefined };
}
