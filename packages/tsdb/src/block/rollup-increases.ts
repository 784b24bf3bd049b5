import { COLUMN_SET_SHAPES } from "./column-set.ts";

const { floats } = COLUMN_SET_SHAPES.rollup;
const FIRST = floats.indexOf("first");
const LAST = floats.indexOf("last");
const INCREASE = floats.indexOf("increase");

/**
 * The columns of rows, with two numbers swapped among the increases: `last - first`, which is the increase of a counter
 * that did not begin again, and `last`. So its column repeats the one before, which takes no bytes in a block. Done
 * twice it changes nothing.
 *
 * @param columns bits of the numbers of rollup rows; they are left as they are.
 */
export function swapIncreases(columns: readonly Uint32Array[]): Uint32Array[] {
  const first = doubles(columns[FIRST]);
  const last = doubles(columns[LAST]);
  // A copy of the bits, since a NaN's are kept.
  const words = (columns[INCREASE] as Uint32Array).slice();
  const increase = new Float64Array(words.buffer);
  for (let row = 0; row < increase.length; row++) {
    const value = increase[row] as number;
    const lastValue = last[row] as number;
    const difference = lastValue - (first[row] as number);
    if (Object.is(value, difference)) increase[row] = lastValue;
    else if (Object.is(value, lastValue)) increase[row] = difference;
  }
  return columns.with(INCREASE, words);
}

function doubles(words: Uint32Array | undefined): Float64Array {
  const { buffer, byteOffset, length } = words as Uint32Array;
  return byteOffset % 8 === 0
    ? new Float64Array(buffer, byteOffset, length / 2)
    : new Float64Array((words as Uint32Array).slice().buffer);
}
