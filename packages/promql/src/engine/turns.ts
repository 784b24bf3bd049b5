import type { QueryContext } from "./query-context.ts";

/** What long work needs to give others their turn on the thread, and to be ended then. */
export type Breaks = Pick<QueryContext, "tick" | "pause" | "isTurnOver">;

/** As `Breaks`, for work that has something to say. */
export type Turns = Breaks & Pick<QueryContext, "annotations">;

/** How many entries are sorted in one go: about a millisecond. */
const RUN_LENGTH = 1024;

/**
 * Does something with each of a list, with breaks in which others get their turn and the query may be ended. `samplesIn`
 * says of how many samples each is, where they may be very many.
 */
export async function eachInTurns<T>(
  list: Iterable<T>,
  context: Breaks,
  visit: (one: T) => void,
  samplesIn: (one: T) => number = () => 0,
): Promise<void> {
  for (const one of list) {
    const samples = samplesIn(one);
    visit(one);
    if (context.tick(samples)) await context.pause();
  }
}

/** Computes one result for each of a list, with breaks. */
export async function mapInTurns<T, R>(
  list: Iterable<T>,
  context: Breaks,
  compute: (one: T) => R,
  samplesIn?: (one: T) => number,
): Promise<R[]> {
  const results: R[] = [];
  await eachInTurns(list, context, (one) => results.push(compute(one)), samplesIn);
  return results;
}

/** Those of a list for which something holds, with breaks. */
export async function filterInTurns<T>(
  list: Iterable<T>,
  context: Breaks,
  holds: (one: T) => boolean,
): Promise<T[]> {
  const kept: T[] = [];
  await eachInTurns(list, context, (one) => {
    if (holds(one)) kept.push(one);
  });
  return kept;
}

/** A sorted copy, with breaks; what is equal stays in order. */
export async function sortInTurns<T>(
  list: readonly T[],
  context: Breaks,
  compare: (a: T, b: T) => number,
): Promise<T[]> {
  let runs: T[][] = [];
  for (let from = 0; from < list.length; from += RUN_LENGTH) {
    runs.push(list.slice(from, from + RUN_LENGTH).sort(compare));
    if (context.tick()) await context.pause();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2)
      merged.push(await merge(runs[i] as T[], runs[i + 1] ?? [], context, compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(
  left: readonly T[],
  right: readonly T[],
  context: Breaks,
  compare: (a: T, b: T) => number,
): Promise<T[]> {
  const merged: T[] = [];
  let at = 0;
  for (const one of right) {
    while (at < left.length && compare(left[at] as T, one) <= 0) {
      merged.push(left[at++] as T);
      if (context.tick()) await context.pause();
    }
    merged.push(one);
    if (context.tick()) await context.pause();
  }
  while (at < left.length) merged.push(left[at++] as T);
  return merged;
}
