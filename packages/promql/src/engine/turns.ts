import type { QueryContext } from "./query-context.ts";

/** What long work needs of its query: to say what it finds, and to give others their turn on the thread. */
export type Turns = Pick<QueryContext, "annotations" | "tick" | "pause">;

/** Computes one result for each of a list, with breaks in which others get their turn and the query may be ended. */
export async function mapInTurns<T, R>(
  list: readonly T[],
  context: Pick<QueryContext, "tick" | "pause">,
  compute: (one: T) => R,
): Promise<R[]> {
  const results: R[] = [];
  for (const one of list) {
    results.push(compute(one));
    if (context.tick()) await context.pause();
  }
  return results;
}
