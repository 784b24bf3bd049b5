import type { Labels } from "@pharos/base";
import { TemplateCallError } from "./template-functions.ts";
import { type ListValue, type StructValue, stringMap, type Value } from "./value.ts";

/** How many different queries the templates of one rule may ask in one evaluation. */
export const TEMPLATE_QUERIES_MAX = 1000;
/** How many elements the answer to one of them may have. */
export const TEMPLATE_QUERY_SERIES_MAX = 10_000;

/** Answers `query` in templates. @throws TemplateCallError that stands in the text. */
export type TemplateQuery = (expr: string) => ListValue;

/**
 * The queries that templates ask. Expanding a template waits for nothing: what has no answer yet is noted, and whoever
 * expands has it answered and expands again, until nothing new is asked.
 */
export class TemplateQueries {
  readonly #answers = new Map<string, ListValue | string>();
  readonly #open = new Set<string>();

  readonly ask: TemplateQuery = (expr) => {
    const answer = this.#answers.get(expr);
    if (typeof answer === "string") throw new TemplateCallError(answer);
    if (answer !== undefined) return answer;
    if (this.#answers.size + this.#open.size >= TEMPLATE_QUERIES_MAX)
      throw new TemplateCallError(`more than ${TEMPLATE_QUERIES_MAX} queries in one evaluation`);
    this.#open.add(expr);
    throw new TemplateCallError("not answered yet");
  };

  /** What was asked and has no answer; each of them is to be answered or failed before the next expansion. */
  takeOpen(): string[] {
    const open = [...this.#open];
    this.#open.clear();
    return open;
  }

  answer(
    expr: string,
    { labels, values }: { readonly labels: readonly Labels[]; readonly values: ArrayLike<number> },
  ): void {
    if (labels.length > TEMPLATE_QUERY_SERIES_MAX) {
      this.fail(expr, `more than ${TEMPLATE_QUERY_SERIES_MAX} elements`);
      return;
    }
    const items = labels.map((set, at) => sample(set, values[at] as number));
    this.#answers.set(expr, { kind: "list", items });
  }

  fail(expr: string, reason: string): void {
    this.#answers.set(expr, reason);
  }
}

function sample(labels: Labels, value: number): StructValue {
  const fields: [string, Value][] = [
    ["Labels", stringMap(labels)],
    ["Value", value],
  ];
  return { kind: "struct", fields: new Map(fields) };
}
