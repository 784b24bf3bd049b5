// How to write numbers that lie mostly close together in the fewest bits: which base to count from, how wide the fields
// are, and which numbers are too far away for a field and cost less as patches.
import { numberSize, widthOf, zigzag } from "./bits";
import { ALL_EQUAL, ALL_ZERO, PACKED, SPARSE } from "./column-format";

/** Of so many numbers, evenly spread, the middle one is taken for the middle of all. */
const PROBES: u32 = 15;
/** A number that is more than this part of the probes is worth counting from: a sparse column may come of it. */
const OFTEN: u32 = 5;
/** Room for the histogram of widths, 0 to 64, and the probes. */
export const FIT_SCRATCH_SIZE: u32 = 65 * 4 + 15 * 8 + 4;
/** A patch's distance from the patch before, in bytes at most: columns are short. */
const GAP_SIZE: u32 = 2;

/** The answer of the last fit, for all of these numbers. */
export let fitCoding: u32 = 0;
export let fitBase: i64 = 0;
/** Of SPARSE: what the fields count from. */
export let fitFieldBase: i64 = 0;
export let fitWidth: u32 = 0;

/**
 * Fits `count` i64s, of which fields may be `widthMax` wide. Answers the bits that they take at most, header not
 * included.
 */
export function fit(numbers: usize, count: u32, widthMax: u32, scratch: usize): u32 {
  const end = numbers + count * 8;
  fitBase = 0;
  fitWidth = 0;
  fitCoding = ALL_ZERO;
  if (count == 0) return 0;

  // How far the numbers are from the middle decides which get a field. All differences wrap around, as they do when the
  // column is decoded, so that the 64 bits of any floats will do.
  const middle = middleOf(numbers, count, scratch + 65 * 4 + 4);
  memory.fill(scratch, 0, 65 * 4);
  for (let p = numbers; p < end; p += 8) tally(scratch, widthOf(zigzag(load<i64>(p) - middle)));
  let cost = chooseWidth(scratch, count, widthMax, true);
  const within = chosenWidth;
  fitBase = middle;
  if (within == 0) {
    fitCoding = middle == 0 ? ALL_ZERO : ALL_EQUAL;
    return cost;
  }

  // Of those, the least is a better base than the middle: fields have no sign.
  let low = i64.MAX_VALUE;
  let high = i64.MIN_VALUE;
  let fields: u32 = 0;
  const sparse = chosenSparse;
  for (let p = numbers; p < end; p += 8) {
    const distance = load<i64>(p) - middle;
    if (widthOf(zigzag(distance)) > within || (sparse && distance == 0)) continue;
    low = min<i64>(low, distance);
    high = max<i64>(high, distance);
    fields++;
  }
  if (sparse) {
    fitCoding = SPARSE;
    fitFieldBase = middle + low;
    fitWidth = widthOf((high - low) as u64);
    return cost - fields * (within - fitWidth);
  }

  // Seen from there, a few may stick out above. What is below stays a patch.
  let belowBits: u32 = 0;
  memory.fill(scratch, 0, 65 * 4);
  for (let p = numbers; p < end; p += 8) {
    const distance = load<i64>(p) - middle;
    if (distance < low) belowBits += patchBitsOf(widthOf(zigzag(distance - low)));
    else tally(scratch, widthOf((distance - low) as u64));
  }
  cost = chooseWidth(scratch, count, widthMax, false) + belowBits;
  fitBase = middle + low;
  fitWidth = chosenWidth;
  fitCoding = chosenWidth > 0 ? PACKED : fitBase == 0 ? ALL_ZERO : ALL_EQUAL;
  return cost;
}

function tally(histogram: usize, width: u32): void {
  store<u32>(histogram + width * 4, load<u32>(histogram + width * 4) + 1);
}

/** The bits of a patch whose residual is a variable-length number of so many bits. */
function patchBitsOf(width: u32): u32 {
  return (GAP_SIZE + numberSize(width)) * 8;
}

let chosenWidth: u32 = 0;
let chosenSparse: bool = false;

/**
 * The cheapest width, given how many numbers have which. Bucket 0 are those that are the base. Answers the cost in bits,
 * with patches for all numbers that are wider.
 */
function chooseWidth(histogram: usize, count: u32, widthMax: u32, maySparse: bool): u32 {
  let best: u32 = -1;
  let patches: u32 = 0;
  let patchBits: u32 = 0;
  const different = count - load<u32>(histogram);
  for (let width: i32 = 64; width >= 0; width--) {
    if (width <= (widthMax as i32)) {
      const packed = count * width + patchBits;
      if (packed <= best) {
        best = packed;
        chosenWidth = width;
        chosenSparse = false;
      }
      const sparse = count + (different - patches) * width + patchBits + 16;
      if (maySparse && width > 0 && sparse < best) {
        best = sparse;
        chosenWidth = width;
        chosenSparse = true;
      }
    }
    const here = load<u32>(histogram + width * 4);
    patches += here;
    // One bit more than the distance's own, for its sign and for another base.
    patchBits += here * patchBitsOf(min<u32>(width + 1, 64));
  }
  return best;
}

/** The middle one of some numbers, or one that is there far more often than others. */
function middleOf(numbers: usize, count: u32, probes: usize): i64 {
  const stride = count < PROBES ? 1 : count / PROBES;
  let length: u32 = 0;
  for (let i: u32 = 0; i < count && length < PROBES; i += stride) {
    const number = load<i64>(numbers + i * 8);
    let at = length++;
    for (; at > 0 && load<i64>(probes + (at - 1) * 8) > number; at--)
      store<i64>(probes + at * 8, load<i64>(probes + (at - 1) * 8));
    store<i64>(probes + at * 8, number);
  }
  let middle = load<i64>(probes + (length >> 1) * 8);
  let often = length / OFTEN;
  let run: u32 = 1;
  for (let i: u32 = 1; i < length; i++) {
    const number = load<i64>(probes + i * 8);
    run = number == load<i64>(probes + (i - 1) * 8) ? run + 1 : 1;
    if (run <= often) continue;
    often = run;
    middle = number;
  }
  return middle;
}
