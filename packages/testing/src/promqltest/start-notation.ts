import { parseDuration } from "@pharos/base";
import { POINTS_MAX } from "./series-notation.ts";

/** For each point, in ms from its own time, when its counting began; undefined where that is not known. */
export type StartOffsets = readonly (number | undefined)[];

const ITEM = /^([+-]?)([0-9a-wyz]+)(?:([+-])([0-9a-wyz]+))?(?:x(\d+))?$/;

/**
 * Reads what stands behind `@st`: `-1m` one offset, `-1mx3` four times the same,
 * `-1m-30sx3` four with a step, `_` and `_x3` none, `*` and `*x3` the last one again.
 *
 * @throws Error that says what is wrong.
 */
export function parseStartOffsets(text: string): StartOffsets {
  const offsetsMs: (number | undefined)[] = [];
  for (const item of text.split(/\s+/).filter((part) => part !== "")) {
    readItem(item, offsetsMs);
    if (offsetsMs.length > POINTS_MAX) throw new Error(`more than ${POINTS_MAX} start timestamps`);
  }
  return offsetsMs;
}

function readItem(item: string, offsetsMs: (number | undefined)[]): void {
  const repeated = /^([_*])(?:x(\d+))?$/.exec(item);
  if (repeated !== null) {
    const [, what, times] = repeated;
    const count = countOf(times, item);
    const last = offsetsMs.findLast((offsetMs) => offsetMs !== undefined) ?? 0;
    // As with points, `_x3` is three of them, and a value repeated three times stands four times.
    if (what === "_") push(offsetsMs, count ?? 1, () => undefined);
    else push(offsetsMs, (count ?? 0) + 1, () => last);
    return;
  }
  const match = ITEM.exec(item);
  const firstMs = match === null ? undefined : signedMs(match[1], match[2]);
  const stepMs = match?.[4] === undefined ? 0 : signedMs(match[3], match[4]);
  if (match === null || firstMs === undefined || stepMs === undefined)
    throw new Error(`${JSON.stringify(item)} is no start timestamp`);
  if (match[4] !== undefined && match[5] === undefined)
    throw new Error(`${JSON.stringify(item)}: expected x and a count`);
  push(offsetsMs, (countOf(match[5], item) ?? 0) + 1, (i) => firstMs + i * stepMs);
}

function push(
  offsetsMs: (number | undefined)[],
  count: number,
  at: (index: number) => number | undefined,
): void {
  for (let i = 0; i < count; i++) offsetsMs.push(at(i));
}

function countOf(times: string | undefined, item: string): number | undefined {
  if (times === undefined) return undefined;
  const count = Number(times);
  if (count > POINTS_MAX) throw new Error(`${JSON.stringify(item)}: at most ${POINTS_MAX} times`);
  return count;
}

function signedMs(sign: string | undefined, duration = ""): number | undefined {
  const ms = parseDuration(duration);
  return ms === undefined || sign !== "-" ? ms : -ms;
}
