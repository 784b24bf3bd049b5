import { truncateBytes } from "./truncate.ts";

const ENCODER = new TextEncoder();

/** A message that is at most so many bytes of JSON: where it is larger, the one long text in it is cut. */
export function fittedMessage<M>(message: (text: string) => M, text: string, sizeMax: number): M {
  const fits = (candidate: M): boolean => sizeOf(JSON.stringify(candidate)) <= sizeMax;
  const whole = message(text);
  if (fits(whole)) return whole;
  // A character may be up to six bytes of JSON, so how much of the text fits is found by halving.
  let fitting = message("");
  let [low, high] = [0, Math.min(sizeOf(text), sizeMax)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const candidate = message(truncateBytes(text, middle));
    if (fits(candidate)) [fitting, low] = [candidate, middle];
    else high = middle - 1;
  }
  return fitting;
}

/** In UTF-8. */
export function sizeOf(text: string): number {
  return ENCODER.encode(text).length;
}
