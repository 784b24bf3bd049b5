/** Samples of one series in order: views on the caller's arrays, or on this one's. */
export interface OrderedSamples {
  readonly timestampsMs: Float64Array;
  readonly valueBits: Uint32Array;
}

/**
 * Puts samples of one series in the order of their times. Of several at the same time the first one stands. What is in
 * order already is answered as it is.
 */
export function orderSamples(timestampsMs: Float64Array, valueBits: Uint32Array): OrderedSamples {
  if (isRising(timestampsMs)) return { timestampsMs, valueBits };
  const order = Uint32Array.from(timestampsMs, (_, i) => i).sort(
    (a, b) => (timestampsMs[a] as number) - (timestampsMs[b] as number) || a - b,
  );
  const times = new Float64Array(order.length);
  const bits = new Uint32Array(order.length * 2);
  let length = 0;
  for (const i of order) {
    const timeMs = timestampsMs[i] as number;
    if (length > 0 && times[length - 1] === timeMs) continue;
    times[length] = timeMs;
    bits[length * 2] = valueBits[i * 2] as number;
    bits[length * 2 + 1] = valueBits[i * 2 + 1] as number;
    length++;
  }
  return { timestampsMs: times.subarray(0, length), valueBits: bits.subarray(0, length * 2) };
}

function isRising(timestampsMs: Float64Array): boolean {
  for (let i = 1; i < timestampsMs.length; i++)
    if ((timestampsMs[i] as number) <= (timestampsMs[i - 1] as number)) return false;
  return true;
}
